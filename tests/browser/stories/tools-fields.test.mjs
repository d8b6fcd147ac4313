// An open line: what of it is copied, what is made of its fields, and its neighbours.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";

const table = setTable();

const LINES = [
  { level: "info", message: "one", fields: { status: 200, user: { name: "ann", tags: ["a", "b"] }, note: 'say "hi" \\ bye', id: 9007199254740993 } },
  { level: "error", message: "two", fields: { status: 500, user: { name: "bob lee" }, note: "plain", ok: false } },
  { level: "info", message: "three", fields: { status: 200, user: { name: "bob" }, note: "plain", "odd key": "x y", ok: true } },
  { message: "four", fields: { status: null, note: "" } },
];

async function four() {
  const stream = fresh();
  // The number is more than JavaScript's can hold.
  const body = LINES.map((line) => JSON.stringify(line).replace("9007199254740992", "9007199254740993"));
  const response = await fetch(`${table.server.url}v1/lines?stream=${stream}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${table.server.token}`, "Content-Type": "application/x-ndjson" },
    body: body.join("\n"),
  });
  assert.equal(response.status, 200, await response.clone().text());
  const desk = await table.open(stream);
  await desk.shows("one", "two", "three", "four");
  return { stream, desk };
}

story("an open line shows its fields, and closes again, by mouse and by key", async () => {
  const { stream, desk } = await four();
  const details = await desk.openLine("one");
  const text = (await details.innerText()).replace(/\s+/g, " ");
  for (const piece of [`${stream} #0`, "status", "200", "ann", 'say "hi" \\ bye', "9007199254740993"]) assert.ok(text.includes(piece), `${piece} in ${text}`);
  await desk.button("Jump to live").waitFor();
  await desk.page.keyboard.press("o");
  await details.waitFor({ state: "detached" });
  await desk.page.keyboard.press("j");
  await desk.page.keyboard.press("Enter");
  await desk.row("two").locator(".details").waitFor();
});

story("a field's value and path, the line and a link to it are copied", async () => {
  const { stream, desk } = await four();
  const copied = async (field, button, said) => desk.copied(() => desk.act("one", field, button), said);
  assert.equal(await copied("note", "Copy value", "Copied the value."), 'say "hi" \\ bye');
  assert.equal(await copied("id", "Copy value", "Copied the value."), "9007199254740993");
  assert.equal(await copied("name", "Copy path", "Copied the field's name."), "user.name");
  assert.deepEqual(JSON.parse(await copied("user", "Copy value", "Copied the value.")), LINES[0].fields.user);
  const details = await desk.openLine("one");
  const line = await desk.copied(() => details.getByRole("button", { name: "Copy line" }).click(), "Copied the line.");
  const stored = await fetch(`${table.server.url}v1/lines?stream=${stream}`, { headers: { Authorization: `Bearer ${table.server.token}` } });
  assert.deepEqual(JSON.parse(line), JSON.parse((await stored.text()).split("\n")[0]));
  const link = await desk.copied(() => details.getByRole("button", { name: "Copy link" }).click(), "Copied a link to the line.");
  assert.equal(link, `${table.server.url}#/stream/${stream}?at=${stream}%3A0`.replace("%3A", ":"));
});

for (const [line, field, button, filter, left] of [
  ["two", "status", "Only this", "status:500", ["two"]],
  ["two", "status", "Without this", "-status:500", ["one", "three", "four"]],
  ["two", "name", "Only this", 'user.name:"bob lee"', ["two"]],
  ["one", "name", "Without this", "-user.name:ann", ["two", "three", "four"]],
  ["one", "note", "Only this", undefined, ["one"]],
  ["one", "id", "Only this", "id:9007199254740993", ["one"]],
  ["two", "ok", "Only this", "ok:false", ["two"]],
  ["three", "odd key", "Only this", '"odd key":"x y"', ["three"]],
  ["four", "status", "Only this", "status:null", ["four"]],
]) {
  story(`“${button}” of ${field} in line ${line} shows ${left.join(", ")}`, async () => {
    const { desk } = await four();
    await desk.act(line, field, button);
    await desk.shows(...left);
    if (filter) assert.equal(desk.applied, filter);
    await desk.until(() => desk.filterBox.inputValue(), desk.applied);
    // Another one is added to it.
    if (left.length > 1) {
      await desk.act(left[0], "note", "Without this");
      await desk.until(() => desk.applied.startsWith(`${filter} -`), true);
      await desk.until(async () => (await desk.messages()).includes(left[0]), false);
    }
  });
}

story("among decimals a whole number is found however it was written", async () => {
  const stream = fresh();
  const body = ["12.5", "402.0", "402"].map((ms, i) => `{"message":"took ${"abc"[i]}","fields":{"ms":${ms}}}`).join("\n");
  const headers = { Authorization: `Bearer ${table.server.token}`, "Content-Type": "application/x-ndjson" };
  const response = await fetch(`${table.server.url}v1/lines?stream=${stream}`, { method: "POST", headers, body });
  assert.equal(response.status, 200);
  const desk = await table.open(stream);
  await desk.shows("took a", "took b", "took c");
  await desk.act("took b", "ms", "Only this");
  await desk.shows("took b", "took c");
  assert.equal(desk.applied, "ms>=402.0 ms<=402.0");
});

story("a line is shown among its neighbours, without the filter, and Back returns", async () => {
  const stream = fresh();
  await table.server.send(stream, range(0, 3000, (i) => ({ level: i === 1500 ? "error" : "info", message: `line ${i}` })));
  const desk = await table.open(stream, { view: "?filter=level:error" });
  await desk.shows("line 1500");
  const details = await desk.openLine("line 1500");
  await details.getByRole("button", { name: "Show in context" }).click();
  await desk.row("line 1501").waitFor();
  const around = ["line 1499", "line 1500", "line 1501"];
  await desk.until(async () => (await desk.messages()).filter((message) => around.includes(message)), around);
  await desk.until(() => desk.log.locator(".row.current .message").allInnerTexts(), ["line 1500"]);
  assert.equal(await desk.filterBox.inputValue(), "");
  await desk.page.goBack();
  await desk.shows("line 1500");
  assert.equal(await desk.filterBox.inputValue(), "level:error");
});

story("the fields of the last line are in sight when it is opened, and its head stays", async () => {
  const stream = fresh();
  await table.server.send(stream, range(0, 100, (i) => ({ message: `line ${i}`, fields: { a: i, b: i, c: i } })));
  const desk = await table.open(stream);
  const details = await desk.openLine("line 99");
  const inside = async () => {
    const [log, row, fields] = await Promise.all([desk.log, desk.row("line 99"), details].map((found) => found.boundingBox()));
    return row.y >= log.y - 1 && fields.y + fields.height <= log.y + log.height + 1;
  };
  await desk.until(inside, true);
});

story("a click opens a line and closes it, and a word can still be chosen in it", async () => {
  const stream = fresh();
  await table.server.send(stream, [{ message: "click me here", fields: { status: 200, ms: 1.5 } }]);
  const desk = await table.open(stream, { view: "?columns=status" });
  const row = desk.row("click me here");
  await row.locator(".message").click();
  await row.locator(".details").waitFor();
  await row.locator(".message").click();
  await row.locator(".details").waitFor({ state: "detached" });
  await row.locator(".message").dblclick();
  assert.match(await desk.page.evaluate(() => String(getSelection())), /^(click|me|here)\s?$/);
});

story("a field that is a column stands there alone, numbers stand right, and the time of an open line is told once", async () => {
  const stream = fresh();
  await table.server.send(stream, [{ ts: "2026-11-30T10:00:00.123456789Z", message: "row", fields: { status: 200, name: "ann" } }]);
  const desk = await table.open(stream, { view: "?columns=status,name" });
  const row = desk.row("row");
  await row.waitFor();
  assert.equal((await row.locator(".fields").textContent()).trim(), "");
  const sides = await row.locator(".cell").evaluateAll((cells) => cells.map((cell) => getComputedStyle(cell).textAlign));
  assert.deepEqual(sides, ["right", "start"]);
  const details = await desk.openLine("row");
  assert.deepEqual(await details.locator(".fact").allInnerTexts(), ["2026-11-30T10:00:00.123456789Z", `${stream} #0`]);
});

story("the fields that were seen are listed with their top values, and a click asks for one or leaves it out", async () => {
  const stream = fresh();
  const lines = [200, 200, 500].map((status, i) => ({ level: status === 500 ? "error" : "info", message: `line ${i}`, fields: { status } }));
  await table.server.send(stream, lines);
  const desk = await table.open(stream);
  await desk.shows("line 0", "line 1", "line 2");
  await desk.button("Fields").click();
  const panel = desk.page.getByRole("dialog", { name: "Fields that were seen" });
  await panel.getByRole("button", { name: /^status 3$/ }).click();
  await desk.until(() => panel.getByRole("listitem").filter({ hasText: /00/ }).allInnerTexts().then((all) => all.map((one) => one.split(/\s+/).slice(0, 2))), [
    ["200", "2"], ["500", "1"],
  ]);
  await panel.getByRole("button", { name: "Only status 500" }).click();
  await desk.shows("line 2");
  assert.equal(desk.applied, "status:500");
  await panel.getByRole("button", { name: "Without level error" }).click();
  await desk.until(() => desk.applied, "status:500 -level:error");
  await desk.page.keyboard.press("Escape");
  await panel.waitFor({ state: "hidden" });
});
