// More lines than a tab keeps: what is let go of is said, comes again when it is asked for, and moves nothing.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, names, setStage } from "../stage.mjs";
import { readDown, readUp } from "../walk.mjs";

/** What a tab keeps, about: it lets go of whole pieces. */
const KEPT = 200_000;
const SENT = 260_000;

const numberOf = (message) => Number(message.split(" ")[1]);

const stage = setStage();

let viewer;

async function sendAll(stream, from, to) {
  for (let sent = from; sent < to; sent += 10_000) await stage.send(stream, names(sent, Math.min(to, sent + 10_000)));
}

/** How many rows the scrollbar is for. */
async function rows() {
  const bar = viewer.page.getByRole("scrollbar");
  return Number(await bar.getAttribute("aria-valuemax"));
}

story("following, the tab lets go of the oldest lines, and has them again when the reader goes there", async () => {
  const stream = fresh();
  viewer = await stage.follow(stream);
  await sendAll(stream, 0, SENT);
  await viewer.waitForMessage(`line ${SENT - 1}`);
  const most = await rows();
  assert.ok(most > KEPT * 0.98 && most <= KEPT, `${most} rows`);

  // Up the scrollbar, to where the lines in the tab begin.
  const bar = await viewer.page.getByRole("scrollbar").boundingBox();
  const release = await viewer.holdHistory();
  await viewer.page.mouse.click(bar.x + bar.width / 2, bar.y + 1);
  await viewer.page.locator(".row.hole").waitFor();
  const [notice] = await viewer.notices();
  const [first] = await viewer.messages();
  const gone = numberOf(first);
  assert.equal(notice, `${gone.toLocaleString("en")} lines are not kept in this tab`);
  release();
  await viewer.waitForMessage(`line ${gone - 1}`);
  const read = await readUp(viewer, { enough: ([first]) => numberOf(first) < gone - 1_000 });
  assert.deepEqual(read, names(numberOf(read[0]), numberOf(read[0]) + read.length));
  await viewer.press("Home");
  await viewer.begins(...names(0, 10));
});

story("a reader who scrolled up keeps the place while the tab lets go of lines below, and finds every one of them", async () => {
  const stream = fresh();
  await sendAll(stream, 0, 300);
  viewer = await stage.follow(stream);
  await viewer.waitForMessage("line 299");
  await viewer.wheel(-1_000);
  const seen = await viewer.inSight();
  const places = await Promise.all(seen.map((message) => viewer.boxOf(message)));
  await sendAll(stream, 300, SENT);
  await viewer.page.getByRole("button", { name: `${(SENT - 300).toLocaleString("en")} new lines` }).waitFor();
  assert.deepEqual(await viewer.inSight(), seen);
  assert.deepEqual(await Promise.all(seen.map((message) => viewer.boxOf(message))), places);
  assert.ok((await rows()) <= KEPT);

  // On from there, over the edge of what the tab let go of. It is loaded as the reader comes near.
  const before = (await viewer.messages())[0];
  let loaded = 0;
  viewer.page.on("request", (request) => (loaded += Number(request.url().includes("/v1/lines?"))));
  const read = await readDown(viewer, { enough: (read) => read.length > 5_000 && loaded > 1, step: 420 });
  assert.deepEqual(read, names(numberOf(before), numberOf(before) + read.length));
  await viewer.press("End");
  await viewer.waitForMessage(`line ${SENT - 1}`);
  const last = await readUp(viewer, { enough: (read) => read.length > 200 });
  assert.deepEqual(last, names(SENT - last.length, SENT));
});
