// From the live end up through the store, and what the tab lets go of.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, names, setStage } from "../stage.mjs";
import { readUp } from "../walk.mjs";

/** Of lines that are called so. */
const upTo = (number) => ([first]) => Number(first.split(" ")[1]) <= number;

const stage = setStage();

let viewer;

async function sendAll(stream, lines) {
  for (let sent = 0; sent < lines.length; sent += 10_000) await stage.send(stream, lines.slice(sent, sent + 10_000));
}

story("scrolling up shows every line of the store once and in order, up to the first, and nothing jumps", async () => {
  const stream = fresh();
  await sendAll(stream, names(0, 2_500));
  viewer = await stage.follow(stream);
  await viewer.waitForMessage("line 2499");
  assert.deepEqual(await readUp(viewer), names(0, 2_500));
  assert.deepEqual(await viewer.notices(), []);
});

story("lines that come while the reader scrolls up change nothing there, and are there on the way back", async () => {
  const stream = fresh();
  await sendAll(stream, names(0, 1_200));
  viewer = await stage.follow(stream);
  await viewer.waitForMessage("line 1199");
  await viewer.wheel(-100);
  let sent = 1_200;
  const arrived = (async () => {
    while (sent < 2_200) {
      await stage.send(stream, names(sent, sent + 20));
      sent += 20;
    }
  })();
  const [read] = await Promise.all([readUp(viewer), arrived]);
  assert.deepEqual(read, names(0, read.length));
  await viewer.press("End");
  await viewer.waitForMessage("line 2199");
  const later = await readUp(viewer, { enough: upTo(1_150) });
  assert.deepEqual(later, names(2_200 - later.length, 2_200));
});

story("rows of any height keep their place when lines above them are loaded", async () => {
  const stream = fresh();
  const message = (i) => `line ${i} ${"and more of it ".repeat(i % 7 === 0 ? 40 : i % 3)}`.trim();
  const all = Array.from({ length: 1_000 }, (_, i) => message(i));
  await sendAll(stream, all);
  viewer = await stage.follow(stream);
  await viewer.waitForMessage(all.at(-1));
  assert.deepEqual(await readUp(viewer), all);
});

story("a page of the past that is long in coming is waited for in its place", async () => {
  const stream = fresh();
  await sendAll(stream, names(0, 1_500));
  viewer = await stage.follow(stream);
  await viewer.waitForMessage("line 1499");
  const release = await viewer.holdHistory();
  await readUp(viewer, { enough: upTo(905) });
  await viewer.wheel(-10_000);
  await viewer.waitForNotice("900 earlier lines in the store");
  await viewer.page.locator(".row.hole .load").filter({ hasText: "Loading…" }).waitFor();
  const place = await viewer.boxOf("line 905");
  release();
  await viewer.waitForMessage("line 899");
  await viewer.drawn();
  assert.deepEqual(await viewer.boxOf("line 905"), place);
});

story("a page of the past that fails says why, and comes when it is asked for", async () => {
  const stream = fresh();
  await sendAll(stream, names(0, 1_500));
  viewer = await stage.follow(stream);
  await viewer.waitForMessage("line 1499");
  let asked = 0;
  await viewer.page.route("**/v1/lines?**", (route) => {
    asked += 1;
    return route.fulfill({ status: 503, contentType: "application/problem+json", body: `{"code":"unavailable","detail":"the store is away"}` });
  });
  await viewer.wheel(-100_000);
  await viewer.waitForNotice("These lines could not be loaded: the store is away. Try again.");
  for (let i = 0; i < 5; i++) await viewer.wheel(-100);
  assert.equal(asked, 1);
  await viewer.page.unroute("**/v1/lines?**");
  await viewer.page.locator(".row.hole .load").click();
  await viewer.waitForMessage("line 899");
  const read = (await readUp(viewer)).filter((text) => text.startsWith("line"));
  assert.deepEqual(read, names(0, read.length));
});

story("Home shows the first line kept, End the live end, and what is between can be read from both", async () => {
  const stream = fresh();
  await sendAll(stream, names(0, 2_500));
  viewer = await stage.follow(stream);
  await viewer.waitForMessage("line 2499");
  await viewer.press("Home");
  await viewer.begins(...names(0, 10));
  await viewer.press("End");
  await viewer.waitForMessage("line 2499");
  assert.deepEqual(await readUp(viewer), names(0, 2_500));
});

story("a reader who asks for one place and then for another goes to the other, whichever answer comes first", async () => {
  const stream = fresh();
  await sendAll(stream, names(0, 2_500));
  viewer = await stage.follow(stream);
  await viewer.waitForMessage("line 2499");
  const release = await viewer.holdHistory();
  const before = await viewer.page.evaluate(() => Number(document.querySelector("[role=scrollbar]").ariaValueMax));
  await viewer.press("Home");
  await viewer.press("End");
  release();
  // Nothing of the page that came is in sight; the log is longer by it.
  await viewer.waitFor((before) => Number(document.querySelector("[role=scrollbar]").ariaValueMax) > before + 500, before);
  await viewer.drawn();
  assert.equal((await viewer.inSight()).at(-1), "line 2499");
  assert.ok(await viewer.badge.isHidden());
});

story("a place among several streams that cannot be loaded is said to be so, and the reader stays", async () => {
  const root = fresh();
  for (const name of ["a", "b"]) await sendAll(`${root}/${name}`, names(0, 1_500));
  viewer = await stage.follow(`${root}/*`);
  await viewer.waitForMessage("line 1499");
  let reason;
  await viewer.page.route("**/v1/lines?**", (route) =>
    route.fulfill({ status: 503, contentType: "application/problem+json", body: `{"code":"unavailable","detail":"${reason}"}` }),
  );
  const ways = {
    "the store is away": () => viewer.press("Home"),
    "the store is still away": () => viewer.page.evaluate((at) => (location.hash += `?at=${at}`), `${root}/a:5`),
  };
  for (const [why, go] of Object.entries(ways)) {
    reason = why;
    const told = viewer.page.getByText(`That place could not be loaded: ${why}.`).waitFor();
    await go();
    await told;
  }
  assert.equal((await viewer.inSight()).at(-1), "line 1499");
  assert.ok(await viewer.badge.isHidden());
});
