// Stack traces, which are one thing to a reader and many lines to a log; and lines that retention takes.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { startServer } from "../server.mjs";
import { fresh, names, setStage } from "../stage.mjs";

const TRACE = [
  "java.lang.IllegalStateException: no such cart",
  "\tat shop.Cart.find(Cart.java:42)",
  "\tat shop.Api.get(Api.java:17)",
  "Caused by: java.io.IOException: connection reset",
  "\t... 2 more",
];

const stage = setStage();

let viewer;

story("a trace that comes line by line is folded under its first line, and unfolded on a click", async () => {
  const stream = fresh();
  await stage.send(stream, ["before", ...TRACE, "after"]);
  viewer = await stage.follow(stream);
  await viewer.waitForMessage("after");
  assert.deepEqual(await viewer.messages(), ["before", TRACE[0], "after"]);
  await viewer.row(TRACE[0]).getByRole("button", { name: "+ 4 lines" }).click();
  await viewer.drawn();
  assert.deepEqual(await viewer.messages(), ["before", ...TRACE, "after"]);
  await viewer.row(TRACE[0]).getByRole("button", { name: "fold" }).click();
  await viewer.drawn();
  assert.deepEqual(await viewer.messages(), ["before", TRACE[0], "after"]);
});

story("a trace that is still coming grows under its first line", async () => {
  const stream = fresh();
  viewer = await stage.follow(stream);
  await stage.send(stream, [TRACE[0]]);
  await viewer.waitForMessage(TRACE[0]);
  for (const line of TRACE.slice(1)) await stage.send(stream, [line]);
  await viewer.row(TRACE[0]).getByRole("button", { name: "+ 4 lines" }).waitFor();
  assert.deepEqual(await viewer.messages(), [TRACE[0]]);
});

story("a trace that two pages of the past cut is one when they meet, and what is read stays where it is", async () => {
  const stream = fresh();
  await stage.send(stream, [...names(0, 398), ...TRACE, ...names(403, 1_000)]);
  viewer = await stage.follow(stream);
  await viewer.waitForMessage("line 999");
  const release = await viewer.holdHistory();
  await viewer.wheel(-100_000);
  await viewer.waitForNotice("400 earlier lines in the store");
  assert.deepEqual((await viewer.messages()).slice(0, 2), [TRACE[2], "line 403"]);
  const place = await viewer.boxOf("line 403");
  release();
  await viewer.row(TRACE[0]).getByRole("button", { name: "+ 4 lines" }).waitFor();
  await viewer.drawn();
  const shown = await viewer.messages();
  const at = shown.indexOf(TRACE[0]);
  assert.deepEqual(shown.slice(at - 1, at + 2), ["line 397", TRACE[0], "line 403"]);
  assert.deepEqual(await viewer.boxOf("line 403"), place);
});

story("a trace in one message is folded and unfolded, too", async () => {
  const stream = fresh();
  await stage.send(stream, [{ level: "error", message: TRACE.join("\n") }, { message: "after" }]);
  viewer = await stage.follow(stream);
  await viewer.waitForMessage("after");
  assert.deepEqual(await viewer.messages(), [TRACE[0], "after"]);
  const row = viewer.page.locator("[role=log] .row.line").first();
  const folded = (await row.boundingBox()).height;
  await row.getByRole("button", { name: "+ 4 lines" }).click();
  await viewer.drawn();
  // Every line feed is seen, and breaks the line.
  assert.deepEqual((await viewer.messages())[0].split("\n"), TRACE.map((line, i) => (i < 4 ? `${line}LF` : line)));
  assert.equal((await row.boundingBox()).height, folded * 5);
  await row.getByRole("button", { name: "fold" }).click();
  await viewer.drawn();
  assert.deepEqual(await viewer.messages(), [TRACE[0], "after"]);
  assert.equal((await row.boundingBox()).height, folded);
});

story("lines that retention took while the reader was away are a gap with its size and its reason", async () => {
  const own = await startServer(["--retain-age", "10s", "--trim-every", "1s"]);
  try {
    viewer = await stage.open(`${own.url}#token=${await own.tokenFor("reader", "shop/**")}`);
    await viewer.page.getByRole("list", { name: "Streams", exact: true }).waitFor();
    await viewer.page.goto(`${own.url}#token=${await own.tokenFor("reader", "shop/**", "10s")}&to=/stream/shop/api`);
    await viewer.waitForState(/^live$/);
    await own.send("shop/api", ["line 0", "line 1", "line 2"]);
    await viewer.waitForMessage("line 2");
    await viewer.page.getByText(/^The token ended at/).waitFor();
    await own.send("shop/api", ["line 3", "line 4", "line 5"]);
    await keptFrom(own, "shop/api", 6);
    await viewer.page.getByLabel("Token", { exact: true }).fill(await own.tokenFor("reader", "shop/**"));
    await viewer.page.getByRole("button", { name: "Read logs" }).click();
    await viewer.waitForNotice("Gap: 3 lines");
    await own.send("shop/api", ["line 6"]);
    await viewer.waitForMessage("line 6");
    assert.deepEqual(await viewer.notices(), ["Gap: 3 lines of shop/api are gone: not kept any more (3 to 5)"]);
    assert.deepEqual(await viewer.messages(), ["line 0", "line 1", "line 2", "line 6"]);
  } finally {
    await own.close();
  }
});

/** Waits until retention has removed what is before an offset. */
async function keptFrom({ url, token }, stream, offset) {
  const headers = { Authorization: `Bearer ${token}`, Accept: "application/json" };
  for (;;) {
    const answer = await fetch(`${url}v1/lines?stream=${stream}&last=1`, { headers });
    if ((await answer.json()).first_available >= offset) return;
    await viewer.drawn();
  }
}
