// What the page shows is what was logged: numbers as they were written, wherever they are shown, copied or asked for.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { story } from "../browser.mjs";
import { fresh, setTable } from "../desk.mjs";

const table = setTable();

const LOGGED = '{"message":"amounts","amount":12345678901234567.89,"e":1e400,"neg":-0,"tiny":1.50,"id":9223372036854775807,"2":1,"1":1.0}';
const NUMBERS = { amount: "12345678901234567.89", e: "1e400", neg: "-0", tiny: "1.50", id: "9223372036854775807", 2: "1", 1: "1.0" };

async function logged(stream, ...lines) {
  const headers = { Authorization: `Bearer ${table.server.token}`, "Content-Type": "application/x-ndjson" };
  const body = lines.join("\n");
  const response = await fetch(`${table.server.url}v1/lines?stream=${stream}`, { method: "POST", headers, body });
  assert.equal(response.status, 200);
}

/** The bytes that the store has, by the server's word. */
async function stored(stream) {
  const headers = { Authorization: `Bearer ${table.server.token}`, Accept: "application/x-ndjson" };
  return (await fetch(`${table.server.url}v1/lines?stream=${stream}`, { headers })).text();
}

for (const [how, when] of [["loaded", "before"], ["live", "after"]]) {
  story(`every number is shown as it was written, in the row, the open line and a column, ${how}`, async () => {
    const stream = fresh();
    if (when === "before") await logged(stream, LOGGED);
    else await logged(stream, '{"message":"first"}');
    const desk = await table.open(stream, { view: "?columns=tiny,amount" });
    if (when === "after") {
      await desk.row("first").waitFor();
      await logged(stream, LOGGED);
    }
    const row = desk.row("amounts");
    await row.waitFor();
    const cells = await row.locator(".cell-text").allInnerTexts();
    assert.deepEqual(cells, ["1.50", "12345678901234567.89"]);
    const text = await row.innerText();
    for (const name of ["e", "neg", "id", "1"]) assert.ok(text.includes(`${name}=${NUMBERS[name]}`), `${name} in ${text}`);
    const details = await desk.openLine("amounts");
    for (const [name, number] of Object.entries(NUMBERS)) {
      const value = details.locator(".member").filter({ has: desk.page.getByText(name, { exact: true }) }).locator(".value");
      assert.equal(await value.first().innerText(), number, name);
    }
  });
}

story("a line that is copied, and NDJSON that is downloaded, are the store's bytes", async () => {
  const stream = fresh();
  await logged(stream, LOGGED, '{"message":"plain","n":1}');
  const desk = await table.open(stream);
  const details = await desk.openLine("amounts");
  const copied = await desk.copied(() => details.getByRole("button", { name: "Copy line" }).click(), "Copied the line.");
  const bytes = await stored(stream);
  assert.equal(`${copied}\n`, bytes.split(/(?<=\n)/)[0]);
  // Headless, nobody can answer the browser's question where to save.
  await desk.page.evaluate(() => delete window.showSaveFilePicker || (window.showSaveFilePicker = undefined));
  await desk.log.press("e");
  await desk.page.getByRole("radio", { name: "NDJSON" }).check();
  const [download] = await Promise.all([desk.page.waitForEvent("download"), desk.button("Download").click()]);
  const file = await readFile(await download.path(), "utf8");
  assert.equal(file.replaceAll(`"stream":"${stream}",`, ""), bytes);
});

story("a filter made by a click finds the number as it was written", async () => {
  const stream = fresh();
  await logged(stream, LOGGED, LOGGED.replaceAll("amounts", "others").replace("1e400", "1e401").replace("5807", "5806").replace(".89", ".88"));
  const desk = await table.open(stream);
  for (const [field, filter] of [["amount", "amount:12345678901234567.89"], ["e", "e:1e400"], ["id", "id:9223372036854775807"]]) {
    await desk.act("amounts", field, "Only this");
    await desk.shows("amounts");
    assert.equal(desk.applied, filter);
    await desk.filter("");
    await desk.shows("amounts", "others");
  }
});

story("progress written with carriage returns is what a terminal shows of it, and all of it is kept", async () => {
  const stream = fresh();
  await table.server.send(stream, [" 1%\r 2%\r 79%\r", "done", "loading 10 files\rready\u001b[K", "abcdef\rXY"]);
  const desk = await table.open(stream);
  await desk.shows(" 79%", "done", "ready", "XYcdef");
  const details = await desk.openLine("79%");
  const copied = await desk.copied(() => details.getByRole("button", { name: "Copy line" }).click(), "Copied the line.");
  assert.equal(JSON.parse(copied).message, " 1%\r 2%\r 79%");
  assert.ok((await desk.row("79%").locator(".message").innerText()).includes("1%"), "the open line shows all that was written");
});
