// Reading by the wheel, in any engine: what a reader gets to see on the way, and proof that nothing jumped.

import assert from "node:assert/strict";

/**
 * After the next frame: the drawn rows with their places. And what was in the way in one of the frames since the last look,
 * though it may be loaded by now: `began`, the first row at the log's upper edge; `hole`, lines that the tab lacked.
 */
function look(viewer) {
  return viewer.run(async () => {
    const log = document.querySelector("[role=log]");
    const drawn = () => ({ rows: [...log.querySelectorAll(".row")], top: log.getBoundingClientRect().y });
    const isHole = (row) => row.classList.contains("hole");
    const note = () => {
      const { rows, top } = drawn();
      window.met.began ||= rows.length > 0 && rows[0].getBoundingClientRect().y > top - 1;
      window.met.hole ||= rows.some(isHole);
    };
    // It is the first to be asked in each frame, and sees what the frame before has drawn.
    const watch = () => {
      requestAnimationFrame(watch);
      note();
    };
    if (!window.met) {
      window.met = {};
      watch();
    }
    await new Promise(requestAnimationFrame);
    note();
    const { rows, top } = drawn();
    const { began, hole } = window.met;
    window.met = {};
    const places = rows.map((row) => ({
      text: row.querySelector(".message, .words").textContent,
      isHole: isHole(row),
      y: row.getBoundingClientRect().y,
    }));
    return { rows: places, began, hole, begins: places[0].y > top - 1 };
  });
}

/**
 * Scrolls up from where the reader is, until the log begins or `enough` of what was read. Every turn of the wheel moves all
 * rows by its pixels and no others, whatever was loaded meanwhile. Answers all that was read, from the top; each row's text
 * must be of its own.
 */
export async function readUp(viewer, { enough = () => false, step = 400 } = {}) {
  await viewer.pointAtLog();
  let before = await look(viewer);
  let read = textsOf(before);
  for (;;) {
    await viewer.turn(-step);
    const now = await look(viewer);
    const moved = displacement(before.rows, now.rows);
    assert.ok(moved === step || (moved < step && now.began), `rows moved by ${moved} for ${step}`);
    read = joined(textsOf(now), read);
    if ((moved === 0 && now.begins && !now.rows[0].isHole) || enough(read)) return read;
    before = now;
  }
}

/** The same downward, until the view follows. */
export async function readDown(viewer, { enough = () => false, step = 400 } = {}) {
  await viewer.pointAtLog();
  let before = await look(viewer);
  let read = textsOf(before);
  for (;;) {
    await viewer.turn(step);
    const now = await look(viewer);
    const ends = await viewer.badge.isHidden();
    const moved = displacement(before.rows, now.rows);
    assert.ok(moved === -step || ends || (moved > -step && now.hole), `rows moved by ${moved} for ${-step}`);
    read = joined(read, textsOf(now));
    if (ends || enough(read)) return read;
    before = now;
  }
}

function textsOf({ rows }) {
  return rows.filter(({ isHole }) => !isHole).map(({ text }) => text);
}

/** By how much the rows moved: all of them alike. */
function displacement(before, now) {
  const places = new Map(before.filter(({ isHole }) => !isHole).map(({ text, y }) => [text, y]));
  const common = now.filter(({ text }) => places.has(text));
  assert.ok(common.length > 0, `after [${before[0].text}] came [${now.map(({ text }) => text)}]`);
  const moves = new Set(common.map(({ text, y }) => Math.round((y - places.get(text)) * 100) / 100));
  assert.equal(moves.size, 1, `rows moved by ${[...moves]}`);
  return [...moves][0];
}

/** Two parts of the log that overlap, and are the same where they do. */
function joined(above, below) {
  const first = above.lastIndexOf(below[0]);
  assert.ok(first >= 0, `${below[0]} is not among [${above}]`);
  const overlap = above.slice(first);
  assert.deepEqual(overlap, below.slice(0, overlap.length));
  return [...above.slice(0, first), ...below];
}
