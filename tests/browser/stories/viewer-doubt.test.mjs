// What a reader is told of lines that the store cannot read, and of such as a filter could not decide.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { story } from "../browser.mjs";
import { Fake } from "../fake.mjs";
import { startServer } from "../server.mjs";
import { fresh, names, setStage } from "../stage.mjs";
import { readUp } from "../walk.mjs";

const STREAM = "payments/api";
const line = (message, more) => ({ ts: "2025-11-21T10:12:03.123456789Z", message, ...more });
const lost = (count, from, to) => `Gap: ${count} lines of ${STREAM} are lost: damaged in the store (${from} to ${to})`;
const SENTENCE = "The filter gave up on this line: perhaps it is not what was asked for.";

const stage = setStage({ start: () => Fake.start(), each: true });

let real, viewer;

before(async () => {
  real = await startServer();
});
after(() => real?.close());

/** The drawn lines that are marked as undecided. */
const doubted = () => viewer.page.$$eval("[role=log] .row.line", (rows) => {
  const shown = rows.filter((row) => row.querySelector(".text > .doubt")?.checkVisibility());
  return shown.map((row) => row.querySelector(".message").textContent.slice(0, 20));
});

story("lines that are damaged in the store are a row where they would stand", async () => {
  stage.server.append(STREAM, names(0, 10).map((name) => line(name)));
  stage.server.streams.get(STREAM).damaged = [{ from: 2, to: 5 }, { from: 8, to: 10 }];
  viewer = await stage.follow(STREAM);
  await viewer.waitForMessage("line 7");
  assert.deepEqual(await viewer.messages(), [...names(0, 2), ...names(5, 8)]);
  assert.deepEqual(await viewer.notices(), [lost(3, 2, 4), lost(2, 8, 9)]);
});

story("damage in the past keeps nobody from what is before it", async () => {
  stage.server.append(STREAM, names(0, 2_000).map((name) => line(name)));
  stage.server.streams.get(STREAM).damaged = [{ from: 300, to: 1_500 }];
  viewer = await stage.follow(STREAM);
  await viewer.waitForMessage("line 1999");
  assert.deepEqual(await readUp(viewer), [...names(0, 300), lost("1,200", 300, "1,499"), ...names(1_500, 2_000)]);
});

story("a store of which nothing can be read says so", async () => {
  stage.server.append(STREAM, names(0, 50).map((name) => line(name)));
  stage.server.streams.get(STREAM).damaged = [{ from: 0, to: 50 }];
  viewer = await stage.follow(STREAM);
  await viewer.waitForNotice("Gap");
  assert.deepEqual([await viewer.messages(), await viewer.notices()], [[], [lost(50, 0, 49)]]);
});

/** So many letters in no order: for their end the expression would have 2^16 things to remember, which the server does not. */
function disorder(letters) {
  let state = 1;
  return Array.from({ length: letters }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 31 === 0 ? "a" : "b";
  }).join("");
}

story("a line that the filter gave up on is marked, in history as well as live", async () => {
  const stream = fresh();
  const long = disorder(250_000);
  await real.send(stream, [long, `sure a${"b".repeat(16)}z`, "no"]);
  viewer = await stage.follow(stream, `filter=${encodeURIComponent("/a[ab]{16}z/")}`, real);
  await viewer.waitForMessage(`sure a${"b".repeat(16)}z`);
  assert.deepEqual(await doubted(), [long.slice(0, 20)]);
  await real.send(stream, [long, `sure again a${"b".repeat(16)}z`]);
  await viewer.waitForMessage(`sure again a${"b".repeat(16)}z`);
  assert.deepEqual(await doubted(), [long.slice(0, 20), long.slice(0, 20)]);
});

story("an undecided line says why, and is one of them only where it was marked", async () => {
  stage.server.append(STREAM, [line("sure"), line("unsure", { undecided: true })]);
  viewer = await stage.follow(STREAM, `filter=${encodeURIComponent("/sure/")}`);
  await viewer.waitForMessage("unsure");
  assert.deepEqual(await doubted(), ["unsure"]);
  const row = viewer.row("unsure");
  assert.equal(await row.locator(".text > .doubt").getAttribute("title"), SENTENCE);
  await row.getByRole("button", { name: "All of this line" }).click();
  await row.locator(".details").getByText(SENTENCE, { exact: true }).waitFor();
  await viewer.row("sure").getByRole("button", { name: "All of this line" }).click();
  await viewer.row("sure").locator(".details").waitFor();
  assert.equal(await viewer.row("sure").getByText(SENTENCE).count(), 0);
});
