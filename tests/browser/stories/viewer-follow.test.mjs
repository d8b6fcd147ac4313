// Following, stopping, and what is read standing still while lines come.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, names, setStage } from "../stage.mjs";

const stage = setStage();

let viewer;

/** A reader at the live end of a stream of so many lines. */
async function follow(lines) {
  const stream = fresh();
  if (lines.length > 0) await stage.send(stream, lines);
  viewer = await stage.follow(stream);
  if (lines.length > 0) await viewer.waitForMessage(lines.at(-1));
  return stream;
}

/** The last line seen stands at the log's lower edge. */
async function assertAtEnd(message) {
  await viewer.waitForMessage(message);
  await viewer.drawn();
  const [box, log] = [await viewer.boxOf(message), await viewer.log.boundingBox()];
  assert.ok(Math.abs(box.y + box.height - (log.y + log.height)) < 1, `${message} is at ${box.y + box.height}`);
}

story("a line is seen with its time, its level, its text and its fields", async () => {
  const stream = await follow(names(0, 3));
  await stage.send(stream, [
    { ts: "2025-11-21T10:12:03.123456789Z", level: "error", message: "card declined", fields: { status: 402 } },
  ]);
  await viewer.waitForMessage("card declined");
  const row = viewer.row("card declined");
  // Of another year: with its date.
  await viewer.until(() => row.locator(".when").innerText(), "2025-11-21 10:12:03.123");
  assert.equal(await row.locator(".level").innerText(), "ERROR");
  assert.equal(await row.locator(".fields").innerText(), "status=402");
  await row.locator(".when").hover();
  assert.match(await row.locator(".when").getAttribute("title"), new RegExp(`2025-11-21.10:12:03.123456789[^]*${stream} #3$`));
});

story("a short log begins at the top, a long one ends at the lower edge, and new lines come there", async () => {
  const stream = await follow(names(0, 3));
  const [first, log] = [await viewer.boxOf("line 0"), await viewer.log.boundingBox()];
  assert.equal(first.y, log.y);
  for (let sent = 3; sent < 300; sent += 99) await stage.send(stream, names(sent, sent + 99));
  await assertAtEnd("line 299");
  const seen = await viewer.inSight();
  assert.deepEqual(seen, names(300 - seen.length, 300));
  assert.ok(seen.length > 15);
  assert.ok(await viewer.badge.isHidden());
});

story("a stream before its first line is waited for", async () => {
  const stream = await follow([]);
  assert.deepEqual([await viewer.messages(), await viewer.notices()], [[], []]);
  await stage.send(stream, ["the first one"]);
  await viewer.waitForMessage("the first one");
  assert.deepEqual(await viewer.notices(), []);
});

const thumb = () => viewer.page.getByRole("scrollbar").locator("*").first();

/** Everything by which a reader leaves the live end. */
const LEAVES = {
  "turning the wheel": () => viewer.wheel(-200),
  "Page Up": () => viewer.press("PageUp"),
  "the arrow key": () => viewer.press("ArrowUp"),
  "Home": () => viewer.press("Home"),
  "dragging the scrollbar": async () => {
    const { x, y, width, height } = await thumb().boundingBox();
    await viewer.page.mouse.move(x + width / 2, y + height / 2);
    await viewer.page.mouse.down();
    await viewer.page.mouse.move(x + width / 2, y - 100, { steps: 5 });
    await viewer.page.mouse.up();
  },
  "selecting text": async () => {
    const { x, y, height } = await viewer.row("line 295").locator(".message").boundingBox();
    await viewer.page.mouse.move(x + 1, y + height / 2);
    await viewer.page.mouse.down();
    await viewer.page.mouse.move(x + 40, y + height / 2, { steps: 4 });
    await viewer.page.mouse.up();
  },
  "opening a line": () => viewer.row("line 295").getByRole("button", { name: "All of this line" }).click(),
};

for (const [what, leave] of Object.entries(LEAVES)) {
  story(`${what} stops following: nothing moves by a pixel while lines come, and the badge counts them`, async () => {
    const stream = await follow(names(0, 300));
    await leave();
    await viewer.badge.waitFor();
    assert.equal(await viewer.badge.innerText(), "↓ Jump to live");
    const shown = await settled();
    for (let sent = 300; sent < 1_300; sent += 250) await stage.send(stream, names(sent, sent + 250));
    await viewer.page.getByRole("button", { name: "1,000 new lines · jump to live" }).waitFor();
    assert.deepEqual(await viewer.inSight(), shown.map(([message]) => message));
    for (const [message, box] of shown) assert.deepEqual(await viewer.boxOf(message), box, message);
    await viewer.badge.click();
    await viewer.badge.waitFor({ state: "hidden" });
    await assertAtEnd("line 1299");
    await stage.send(stream, ["and on"]);
    await assertAtEnd("and on");
  });
}

/** The lines in sight and where they are, once what was asked for has come. */
async function settled() {
  await viewer.waitFor(() => !document.querySelector("[role=log] .hole .load:disabled"));
  await viewer.drawn();
  const boxes = [];
  for (const message of await viewer.inSight()) boxes.push([message, await viewer.boxOf(message)]);
  assert.ok(boxes.length > 10);
  return boxes;
}

story("the End key jumps to live, and so does scrolling down to the end", async () => {
  const stream = await follow(names(0, 300));
  for (const [there, sent] of [
    [() => viewer.press("End"), 300],
    [() => viewer.press("Shift+G"), 310],
    [() => viewer.wheel(400), 320],
    [() => viewer.press("PageDown"), 330],
  ]) {
    await viewer.wheel(-300);
    await viewer.badge.waitFor();
    await there();
    await viewer.badge.waitFor({ state: "hidden" });
    await stage.send(stream, names(sent, sent + 10));
    await assertAtEnd(`line ${sent + 9}`);
  }
});

story("what is selected stays selected while hundreds of lines come", async () => {
  const stream = await follow(names(0, 100));
  await viewer.page.getByText("line 95", { exact: true }).dblclick();
  const selected = () => viewer.page.evaluate(() => getSelection().toString());
  const before = await selected();
  assert.match(before, /^(line|95)$/);
  await stage.send(stream, names(100, 600));
  await viewer.page.getByRole("button", { name: "500 new lines" }).waitFor();
  assert.equal(await selected(), before);
});

story("opening a line while lines come shows its fields in place", async () => {
  const stream = await follow(names(0, 200));
  await stage.send(stream, [{ level: "info", message: "with fields", fields: { user: { id: 7, tags: ["a", "b"] }, ok: true } }]);
  await viewer.waitForMessage("with fields");
  await stage.send(stream, names(201, 205));
  await viewer.waitForMessage("line 204");
  await viewer.drawn();
  const { y } = await viewer.boxOf("with fields");
  await viewer.row("with fields").getByRole("button", { name: "All of this line" }).click();
  const details = viewer.row("with fields").locator(".details");
  await details.waitFor();
  assert.equal((await viewer.boxOf("with fields")).y, y);
  assert.deepEqual(await details.locator(".member .name").allInnerTexts(), ["user", "id", "tags", "0", "1", "ok"]);
  await stage.send(stream, names(205, 705));
  await viewer.page.getByRole("button", { name: "500 new lines" }).waitFor();
  assert.equal((await viewer.boxOf("with fields")).y, y);
  // The lines below moved down to make room, and stand right under the fields.
  const [row, next] = [await viewer.boxOf("with fields"), await viewer.boxOf("line 201")];
  assert.equal(next.y, row.y + row.height);

  await viewer.press("Enter");
  await details.waitFor({ state: "detached" });
  assert.equal((await viewer.boxOf("with fields")).y, y);
});

story("the fields of an open line are reached by keys, and opening one moves only what is below", async () => {
  const stream = await follow(names(0, 200));
  await stage.send(stream, [{ message: "with fields", fields: { user: { id: 7, tags: ["a", "b"] }, ok: true } }]);
  await stage.send(stream, names(201, 260));
  await viewer.waitForMessage("line 259");
  await viewer.wheel(-700);
  await viewer.row("with fields").getByRole("button", { name: "All of this line" }).click();
  await viewer.row("with fields").locator(".details").waitFor();
  const focused = () => viewer.page.evaluate(() => document.activeElement.textContent);
  while ((await focused()) !== "tags[2]") await viewer.page.keyboard.press("Tab");
  await viewer.drawn();
  const place = () => viewer.page.evaluate(() => document.activeElement.getBoundingClientRect().toJSON());
  const [button, log] = [await place(), await viewer.log.boundingBox()];
  assert.ok(button.bottom <= log.y + log.height, `the field is at ${button.bottom}`);
  assert.equal(await viewer.log.evaluate((log) => log.scrollTop), 0);

  const below = await viewer.boxOf("line 201");
  await viewer.page.keyboard.press("Enter");
  await viewer.drawn();
  assert.deepEqual(await place(), button);
  await viewer.wheel(60);
  assert.equal((await place()).y, button.y - 60);
  const [row, next] = [await viewer.boxOf("with fields"), await viewer.boxOf("line 201")];
  assert.equal(next.y, row.y + row.height);
  assert.ok(next.y < below.y - 60, "two items less");
});

story("what grows above the log moves nothing in it", async () => {
  const stream = await follow(names(0, 300));
  await viewer.wheel(-200);
  const before = await settled();
  const top = (await viewer.log.boundingBox()).y;
  // Levels are counted above the log.
  await stage.send(stream, [{ level: "error", message: "the first error" }]);
  await viewer.page.getByRole("button", { name: "1 new line" }).waitFor();
  await viewer.press("r");
  await viewer.waitFor((top) => document.querySelector("[role=log]").getBoundingClientRect().top < top, top);
  await viewer.drawn();
  const seen = new Map(before);
  const after = (await viewer.inSight()).filter((message) => seen.has(message));
  assert.ok(after.length > 10);
  for (const message of after) assert.deepEqual(await viewer.boxOf(message), seen.get(message), message);
});
