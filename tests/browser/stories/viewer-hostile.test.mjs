// Lines that would be something else than text, if they could.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { Fake, TOKEN } from "../fake.mjs";
import { fresh, setStage } from "../stage.mjs";

const ESC = "\u001b";

const stage = setStage();

let viewer;

/** What is sent, and the text that a reader sees of it. */
const HOSTILE = [
  [`<img src="https://elsewhere.example/x.png" onerror="document.title='owned'">`],
  [`<script>document.title = "owned"</script><style>body { display: none }</style>`],
  [`<a href="javascript:document.title='owned'">click</a> &lt;b&gt; {{7*7}} \${7*7} {@html "<b>"}`],
  ["https://elsewhere.example/ and javascript:alert(1)"],
  [`${ESC}[31mred${ESC}[0m plain`, "red plain"],
  [`${ESC}[38;2;1;2;3;48;5;200mcolours${ESC}[m`, "colours"],
  [`${ESC}]8;;https://elsewhere.example${"\u0007"}link${ESC}]8;;${"\u0007"}`, "ESC]8;;https://elsewhere.exampleBELlinkESC]8;;BEL"],
  [`${ESC}[2J${ESC}[H${ESC}]0;title${"\u0007"}${ESC}[8mconcealed`, "ESC[2JESC[HESC]0;titleBELconcealed"],
  ["\u202egnp.exe\u202c and \u2066isolated\u2069", "U+202Egnp.exeU+202C and U+2066isolatedU+2069"],
  ["zero\u200bwidth\u200d\ufeffand\u00adsoft", "zeroU+200BwidthU+200DU+FEFFandU+00ADsoft"],
  ["a\u0000b\u0008c\u007f\u0085", "aNULbBScDELU+0085"],
  [`z${"\u0301".repeat(100_000)}algo`, `z${"\u0301".repeat(8)}+991 marks… show all 100,005 characters`],
  ["\ud83d\ude42 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627"],
  ["__proto__ constructor toString"],
];

/** Everything that the rows may be made of. */
const ELEMENTS = ["button", "div", "li", "p", "span", "ul"];
const ATTRIBUTES = ["aria-current", "aria-expanded", "aria-label", "class", "data-act", "disabled", "hidden", "style", "tabindex", "title", "type"];

async function assertNothingButText() {
  const made = await viewer.page.$$eval("[role=log] .content *", (all) => ({
    elements: [...new Set(all.map(({ localName }) => localName))],
    attributes: [...new Set(all.flatMap((one) => one.getAttributeNames()))],
    styles: [...new Set(all.flatMap(({ style }) => [...style]))],
  }));
  assert.deepEqual(made.elements.filter((name) => !ELEMENTS.includes(name)), []);
  assert.deepEqual(made.attributes.filter((name) => !ATTRIBUTES.includes(name)), []);
  assert.deepEqual(made.styles.filter((name) => !["--ink", "--on", "--column"].includes(name)), []);
}

/** The hostile texts as lines: as message, as level, as fields' names and values. */
const asLines = () =>
  HOSTILE.map(([message]) => {
    const piece = message.slice(0, 200);
    return { message, level: piece.slice(0, 20), fields: { [piece.slice(0, 60)]: piece, "<i>": { [piece.slice(0, 60)]: [piece] }, ["__proto__"]: 1 } };
  });

story("hostile lines are text and nothing else, closed and open", async () => {
  const stream = fresh();
  viewer = await stage.follow(stream);
  await stage.send(stream, asLines());
  await stage.send(stream, ["the end"]);
  await viewer.waitForMessage("the end");
  await viewer.drawn();
  const texts = await viewer.page.$$eval("[role=log] .row.line", (rows) =>
    rows.map((row) => row.querySelector(".message").textContent + (row.querySelector(".more:not([hidden])")?.textContent ?? "")));
  assert.deepEqual(texts, [...HOSTILE.map(([sent, seen = sent]) => seen), "the end"]);
  await assertNothingButText();

  // Marks that are piled up, and whatever else, stay in their row. What needs more than a row has it, as text has.
  const rows = await viewer.page.$$eval("[role=log] .row.line", (rows) =>
    rows.map((row) => ({ height: row.getBoundingClientRect().height, contain: getComputedStyle(row).contain })));
  for (const [i, { height, contain }] of rows.entries()) {
    assert.equal(contain, "content");
    assert.ok(height <= 6 * 20 && height % 20 === 0, `${JSON.stringify(texts[i].slice(0, 80))} is ${height} pixels tall`);
  }

  // Each line alone: open, and whole.
  for (let i = 0; i < HOSTILE.length; i++) {
    await viewer.press("Home");
    const row = viewer.page.locator("[role=log] .row.line").nth(i);
    await row.getByRole("button", { name: "All of this line" }).click();
    await row.locator(".details").waitFor();
    await assertNothingButText();
    await row.getByRole("button", { name: "All of this line" }).click();
    await row.locator(".details").waitFor({ state: "detached" });
  }
  assert.equal(await viewer.page.title(), `${stream} · Tailcast`);
});

story("the longest line that the server takes is cut, and shown whole when it is asked for", async () => {
  const stream = fresh();
  const long = `${"0123456789".repeat(25_000)}the end`;
  await stage.send(stream, [long, "after"]);
  viewer = await stage.follow(stream);
  await viewer.waitForMessage(long.slice(0, 1_000));
  await viewer.page.getByRole("button", { name: "show all 250,007 characters" }).click();
  await viewer.waitForMessage(long);
  await assertNothingButText();
  // It ends where it ends: the reader gets there, and to the line after it.
  await viewer.press("End");
  await viewer.waitForMessage("after");
  const [box, after] = [await viewer.boxOf(long), await viewer.boxOf("after")];
  assert.equal(box.y + box.height, after.y);
});

story("hostile names of fields stand as text in columns, too", async () => {
  const stream = fresh();
  const name = `<img src=x onerror="document.title='owned'">`;
  const value = `<b>bold</b>\u202eevil`;
  await stage.send(stream, [{ message: "one", fields: { [name]: value } }]);
  viewer = await stage.follow(stream, `columns=${encodeURIComponent(encodeURIComponent(`"${name}"`))}`);
  await viewer.waitForMessage("one");
  // The page's own: how many lines have no level.
  await viewer.page.getByRole("group", { name: "Lines by level" }).locator("b").waitFor();
  await assertNothingButText();
  const made = viewer.page.locator("main img, main b").filter({ hasNotText: /^1$/ });
  assert.deepEqual(await made.allTextContents(), []);
});

story("a hostile address is a title and a refusal in words", async () => {
  viewer = await stage.open(`${stage.server.url}#token=${stage.server.token}`);
  const name = `<img/src=x/onerror=document.title='owned'>`;
  await viewer.page.goto(`${stage.server.url}#/stream/${encodeURIComponent(name)}`);
  await viewer.waitForState(/^ended$/);
  assert.equal(await viewer.page.title(), `${name} · Tailcast`);
  assert.equal(await viewer.page.locator("[onerror]").count(), 0);
  await viewer.page.getByRole("heading", { name }).waitFor();
});

story("a hostile list of streams is a list of names", async () => {
  const fake = await Fake.start();
  try {
    const names = [`<img src=x onerror="document.title='owned'">`, "\u202eevil\u202c/api", "a/b?at=x#token=y", "\"><script>1</script>"];
    for (const name of names) fake.append(name, [{ ts: "2025-11-21T10:00:00Z", message: "hello" }]);
    viewer = await stage.open(`${fake.url}#token=${TOKEN}`);
    const list = viewer.page.getByRole("list", { name: "Streams", exact: true });
    await list.getByRole("link").nth(3).waitFor();
    // A long name is cut in the middle; whoever points at it or hears it gets all of it.
    const shown = await list.locator("li:not(.typed) a").evaluateAll((links) => links.map(({ title }) => title));
    assert.deepEqual(shown.toSorted(), names.toSorted());
    await list.getByRole("link", { name: names[0] }).waitFor();
    assert.equal(await viewer.page.locator("[onerror], .page script").count(), 0);
    for (const link of await list.getByRole("link").all()) assert.match(await link.getAttribute("href"), /^#\/stream\//);
  } finally {
    await fake.kill();
  }
});
