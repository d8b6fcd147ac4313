// The reader's place: by finger, through another width of the window or height of the rows, through reloads and back.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, names, setStage } from "../stage.mjs";
import { readUp } from "../walk.mjs";

const stage = setStage();

let viewer;

async function follow(lines) {
  const stream = fresh();
  await stage.send(stream, lines);
  viewer = await stage.follow(stream);
  await viewer.waitForMessage(lines.at(-1));
  return stream;
}

/** A finger on the log, moved by so many pixels, slowly enough not to throw. */
async function swipe(session, pixels) {
  const { x, y, width, height } = await viewer.log.boundingBox();
  const at = (moved) => [{ x: x + width / 2, y: y + height / 2 + moved }];
  await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: at(0) });
  for (let i = 1; i <= 10; i++) {
    await session.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: at((pixels * i) / 10) });
    await viewer.drawn();
  }
  // It rests before it leaves.
  for (let i = 0; i < 6; i++) await viewer.drawn();
  await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await viewer.drawn();
}

story("a finger moves the lines with it, stops following, and goes back to live", async () => {
  const stream = await follow(names(0, 300));
  const session = await viewer.page.context().newCDPSession(viewer.page);
  const before = await viewer.boxOf("line 290");
  await swipe(session, 150);
  assert.equal((await viewer.boxOf("line 285")).y, before.y - 5 * before.height + 150);
  await viewer.badge.waitFor();
  await stage.send(stream, names(300, 400));
  await viewer.page.getByRole("button", { name: "100 new lines" }).waitFor();
  assert.equal((await viewer.boxOf("line 285")).y, before.y - 5 * before.height + 150);
  await viewer.badge.click();
  await swipe(session, 100);
  await viewer.badge.waitFor();
  await swipe(session, -200);
  await viewer.badge.waitFor({ state: "hidden" });
});

/** The window's size, the last line and whether it stands at the log's lower edge, and whether lines reach up to the upper one. */
const edges = ({ page }) => page.evaluate(() => {
  const { top, bottom } = document.querySelector("[role=log]").getBoundingClientRect();
  const rows = [...document.querySelectorAll("[role=log] .row.line")];
  const [first, last] = [rows[0], rows.at(-1)].map((row) => row?.getBoundingClientRect());
  return {
    size: [innerWidth, innerHeight],
    last: [rows.at(-1)?.querySelector(".message").textContent, Math.abs(last?.bottom - bottom) < 1],
    filled: first?.top <= top,
  };
});

story("following goes on when a stretched, narrowed or heightened window shows other lines", async () => {
  await follow(names(0, 300));
  for (const [width, height] of [[1180, 500], [1180, 900], [500, 900], [1180, 720]]) {
    await viewer.page.setViewportSize({ width, height });
    await viewer.until(() => edges(viewer), { size: [width, height], last: ["line 299", true], filled: true });
    assert.ok(await viewer.badge.isHidden());
  }
});

story("the scrollbar's thumb stays within its track from end to end, and the page itself never scrolls", async () => {
  await follow(names(0, 600));
  const track = viewer.page.getByRole("scrollbar");
  const edges = async () => {
    const [bar, thumb] = [await track.boundingBox(), await track.locator("*").boundingBox()];
    return { above: Math.round(thumb.y - bar.y), below: Math.round(bar.y + bar.height - thumb.y - thumb.height), thumb, bar };
  };
  const scrollable = () => viewer.page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
  // It is told of the lines a moment after the reader.
  await viewer.until(async () => {
    const { below, thumb, bar } = await edges();
    return [below, thumb.height < bar.height / 2, await scrollable()];
  }, [0, true, 0]);
  const { thumb, bar } = await edges();
  const x = thumb.x + thumb.width / 2;
  await viewer.page.mouse.move(x, thumb.y + 3);
  await viewer.page.mouse.down();
  // Held at its edge, the thumb stays under the pointer all the way.
  for (const y of [bar.y + bar.height / 2, bar.y + 3]) {
    await viewer.page.mouse.move(x, y);
    await viewer.until(async () => Math.abs((await edges()).thumb.y + 3 - y) < 2, true);
  }
  await viewer.page.mouse.up();
  await viewer.until(async () => [(await edges()).above, await scrollable()], [0, 0]);
});

story("wrapping and another width of the window keep the first line in sight at its place", async () => {
  const long = (i) => `line ${i} ${"of many words ".repeat(30)}`.trim();
  await follow(Array.from({ length: 300 }, (_, i) => long(i)));
  await viewer.wheel(-2_000);
  await viewer.badge.waitFor();
  const [wrap, width] = [() => viewer.press("w"), (width) => () => viewer.page.setViewportSize({ width, height: 720 })];
  const looks = () => viewer.page.evaluate(() => [document.querySelector("[role=log]").classList.contains("wrap"), innerWidth]);
  for (const [change, ...look] of [[wrap, false, 1180], [wrap, true, 1180], [width(900), true, 900], [width(1180), true, 1180]]) {
    const [first] = await viewer.inSight();
    const { y } = await viewer.boxOf(first);
    await change();
    await viewer.until(looks, look);
    await viewer.drawn();
    assert.ok(Math.abs((await viewer.boxOf(first)).y - y) < 1, `${look}: ${(await viewer.boxOf(first))?.y} instead of ${y}`);
  }
});

story("a tab that is loaded again shows the lines that were read", async () => {
  await follow(names(0, 3_000));
  await readUp(viewer, { enough: ([first]) => Number(first.split(" ")[1]) < 2_700 });
  // The address says where the reader is once they rest.
  const [top] = await viewer.inSight();
  const place = Number(top.split(" ")[1]);
  const seen = await viewer.inSight();
  await viewer.waitFor(([least, most]) => {
    const at = Number(/at=.*:(\d+)$/.exec(location.hash)?.[1]);
    return at >= least && at <= most;
  }, [place, place + seen.length]);
  await viewer.page.reload();
  await viewer.waitForMessage(top);
  await viewer.waitForState(/^live$/);
  await viewer.until(async () => (await viewer.inSight()).includes(top), true);
  const read = await readUp(viewer, { enough: (read) => read.length > 400 });
  const first = Number(read[0].split(" ")[1]);
  assert.deepEqual(read, names(first, first + read.length));
});

story("while 5,000 lines a second come, a reader leaves the live end and comes back to it", async () => {
  const stream = await follow(names(0, 100));
  let sent = 100;
  let stopped = false;
  const flood = (async () => {
    while (!stopped) {
      await stage.send(stream, names(sent, sent + 200));
      sent += 200;
      // Two frames: 6,000 a second, as long as the page draws as it should.
      await viewer.drawn();
    }
  })();
  try {
    for (let times = 0; times < 4; times++) {
      await viewer.wheel(-300);
      await viewer.badge.waitFor();
      const seen = await viewer.inSight();
      const places = await Promise.all(seen.map((message) => viewer.boxOf(message)));
      const before = sent;
      await viewer.waitFor((least) => Number(/([\d,]+) new/.exec(document.querySelector(".to-live").textContent)?.[1].replaceAll(",", "")) > least, 1_000);
      assert.deepEqual(await Promise.all(seen.map((message) => viewer.boxOf(message))), places, `after ${before}`);
      await viewer.press("End");
      await viewer.badge.waitFor({ state: "hidden" });
    }
  } finally {
    stopped = true;
    await flood;
  }
  await viewer.waitForMessage(`line ${sent - 1}`);
  const read = await readUp(viewer, { enough: (read) => read.length > 500 });
  assert.deepEqual(read, names(sent - read.length, sent));
});
