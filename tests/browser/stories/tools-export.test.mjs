// What is copied and downloaded, compared with what the store says.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";

const table = setTable();

const at = (i) => new Date(Date.UTC(2026, 10, 21, 10, 0, i)).toISOString().replace("Z", "000000Z");
const LINES = range(0, 12, (i) => ({
  ts: at(i), level: i % 2 ? "error" : "info", message: `line ${i}`, fields: { order: i, who: ["=1+1", "-2", "@x", 'a "b", c'][i % 4] },
}));

async function stored(stream, query = "") {
  const lines = [];
  for (let from = 0; ; ) {
    const response = await fetch(`${table.server.url}v1/lines?stream=${encodeURIComponent(stream)}&from=${from}${query}`, {
      headers: { Authorization: `Bearer ${table.server.token}`, Accept: "application/x-ndjson" },
    });
    const text = await response.text();
    const page = text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    lines.push(...page);
    const next = Number(response.headers.get("tailcast-next"));
    if (page.length === 0 || !(next > from)) return lines;
    from = next;
  }
}

async function twelve() {
  const stream = fresh();
  await table.server.send(stream, LINES);
  // Headless, nobody can answer the browser's question where to save.
  const desk = await table.open(stream);
  await desk.page.evaluate(() => delete window.showSaveFilePicker || (window.showSaveFilePicker = undefined));
  await desk.shows(...LINES.map(({ message }) => message));
  return { stream, desk };
}

const dialog = (desk) => desk.page.getByRole("dialog", { name: "Copy or download" });

/** Downloads what is chosen in the dialog. Answers the file's name and text. */
async function download(desk, what, format) {
  if (!(await dialog(desk).isVisible())) await desk.page.keyboard.press("e");
  await dialog(desk).getByRole("radio", { name: what }).check();
  await dialog(desk).getByRole("radio", { name: format }).check();
  const [file] = await Promise.all([
    desk.page.waitForEvent("download"),
    dialog(desk).getByRole("button", { name: "Download" }).click(),
  ]);
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
}

/** Lines as NDJSON says them. */
const parsed = (text) => text.trimEnd().split("\n").filter(Boolean).map((line) => JSON.parse(line));

story("all that is loaded is downloaded as NDJSON, the same as in the store", async () => {
  const { stream, desk } = await twelve();
  const { name, text } = await download(desk, /^All that is loaded/, "NDJSON");
  assert.match(name, new RegExp(`^${stream.replaceAll("/", "-")}_\\d{4}-\\d\\d-\\d\\dT\\d\\d-\\d\\d-\\d\\d\\.ndjson$`));
  assert.deepEqual(parsed(text), (await stored(stream)).map((line) => ({ stream, ...line })));
  await dialog(desk).getByText(/^Saved 12 lines/).waitFor();
});

story("text is a line for a line, and CSV quotes what a spreadsheet would run", async () => {
  const { stream, desk } = await twelve();
  const text = await download(desk, /^All that is loaded/, "Text");
  assert.equal(text.text.split("\n")[1], `${at(1)} error ${stream} line 1 order=1 who=-2`);
  assert.equal(text.text.trimEnd().split("\n").length, 12);
  await dialog(desk).getByRole("button", { name: "Close" }).click();
  await desk.act("line 0", "who", "As column");
  await desk.act("line 0", "order", "As column");
  const csv = await download(desk, /^All that is loaded/, "CSV, for spreadsheets");
  const rows = csv.text.split("\r\n");
  assert.equal(rows[0], "\ufefftime,stream,offset,level,message,who,order");
  assert.deepEqual(rows.slice(1, 5), [
    `${at(0)},${stream},0,info,line 0,"'=1+1",0`,
    `${at(1)},${stream},1,error,line 1,-2,1`,
    `${at(2)},${stream},2,info,line 2,"'@x",2`,
    `${at(3)},${stream},3,error,line 3,"a ""b"", c",3`,
  ]);
  assert.equal(rows.length, 14);
});

story("chosen lines are copied by a key, and are what is downloaded first", async () => {
  const { stream, desk } = await twelve();
  await desk.log.focus();
  await desk.row("line 5").click();
  await desk.row("line 8").click({ modifiers: ["Shift"] });
  await desk.page.keyboard.press("Shift+ArrowUp");
  await desk.until(() => desk.log.locator(".row.selected").count(), 3);
  const text = await desk.copied(() => desk.page.keyboard.press("c"), "Copied 3 lines.");
  assert.deepEqual(text.trimEnd().split("\n").map((line) => line.split(" ")[4]), ["5", "6", "7"]);
  await desk.page.keyboard.press("e");
  await desk.until(() => dialog(desk).getByRole("radio", { name: "The selection: 3 lines" }).isChecked(), true);
  const file = await download(desk, "The selection: 3 lines", "NDJSON");
  assert.deepEqual(parsed(file.text), (await stored(stream)).slice(5, 8).map((line) => ({ stream, ...line })));
  await dialog(desk).getByRole("button", { name: "Copy" }).click();
  await dialog(desk).getByText("Copied 3 lines.").waitFor();
  assert.equal(await desk.clipboard(), file.text);
  await desk.page.keyboard.press("Escape");
  await desk.page.keyboard.press("Escape");
  await desk.until(() => desk.log.locator(".row.selected").count(), 0);
});

story("a range of time, and all that is kept of merged streams, come from the store", async () => {
  const root = fresh();
  const many = range(0, 2500, (i) => ({ ts: at(i), level: i % 5 ? "info" : "error", message: `line ${i}` }));
  for (const name of ["a", "b"]) await table.server.send(`${root}/${name}`, many);
  const desk = await table.open(`${root}/*`);
  await desk.page.evaluate(() => (window.showSaveFilePicker = undefined));
  const all = await download(desk, "All that is kept of these streams", "NDJSON");
  const lines = parsed(all.text);
  assert.equal(lines.length, 5000);
  assert.deepEqual(lines.filter(({ stream }) => stream.endsWith("/a")), (await stored(`${root}/a`)).map((line) => ({ stream: `${root}/a`, ...line })));
  assert.deepEqual(lines.map(({ ts }) => ts), lines.map(({ ts }) => ts).toSorted());
  await dialog(desk).getByRole("button", { name: "Close" }).click();
  await desk.filter("level:error");
  await desk.until(() => desk.applied, "level:error");
  await desk.stands(/^live$/);
  await desk.page.keyboard.press("Escape");
  await desk.log.focus();
  await desk.page.keyboard.press("e");
  await dialog(desk).getByRole("radio", { name: "What is kept, between two times" }).check();
  await dialog(desk).getByRole("button", { name: "Download" }).click();
  await dialog(desk).getByRole("alert").filter({ hasText: "Say from when or to when." }).waitFor();
  await dialog(desk).getByLabel("From").fill("2026-11-21T10:10:00");
  await dialog(desk).getByLabel("to", { exact: true }).fill("2026-11-21T10:11:00");
  const part = await download(desk, "What is kept, between two times", "NDJSON");
  assert.deepEqual(
    parsed(part.text).map(({ message, stream }) => `${stream} ${message}`).toSorted(),
    ["a", "b"].flatMap((name) => range(120, 132, (i) => `${root}/${name} line ${i * 5}`)).toSorted(),
  );
});

story("a long download tells how far it is, and is cancelled with nothing saved", async () => {
  const stream = fresh();
  for (let i = 0; i < 25; i++) await table.server.send(stream, range(0, 1000, (n) => `line ${i * 1000 + n}`));
  const desk = await table.open(stream);
  await desk.page.evaluate(() => (window.showSaveFilePicker = undefined));
  let pages = 0;
  await desk.page.route("**/v1/lines?*", async (route) => {
    pages += 1;
    // The store says no more after a while.
    if (pages <= 2) await route.continue();
  });
  const downloads = [];
  desk.page.on("download", (file) => downloads.push(file));
  await desk.page.keyboard.press("e");
  await dialog(desk).getByRole("radio", { name: "All that is kept of this stream" }).check();
  await dialog(desk).getByRole("button", { name: "Download" }).click();
  await dialog(desk).getByRole("progressbar").waitFor();
  await dialog(desk).getByText(/^[\d,]+ lines, .*%/).waitFor();
  await dialog(desk).getByRole("button", { name: "Cancel" }).click();
  await dialog(desk).getByText("Cancelled. Nothing was saved.").waitFor();
  await desk.page.unrouteAll({ behavior: "ignoreErrors" });
  // The next one is the only one.
  const { name } = await download(desk, /^All that is loaded/, "Text");
  assert.deepEqual(downloads.map((file) => file.suggestedFilename()), [name]);
});
