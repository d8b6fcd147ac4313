// Find: what is found, where, in what order; and that it finds only what can be shown.

import assert from "node:assert/strict";
import { story, work } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";

const table = setTable();

async function opened(lines) {
  const stream = fresh();
  await table.server.send(stream, lines);
  const desk = await table.open(stream);
  return { stream, desk };
}

const bar = (desk) => desk.page.getByRole("search", { name: "Find" });
const standing = (desk) => bar(desk).locator(".status").innerText();

async function openFind(desk) {
  await desk.page.keyboard.press("Control+f");
  await desk.until(() => bar(desk).getByRole("textbox").evaluate((box) => box === document.activeElement), true);
}

async function find(desk, text) {
  await openFind(desk);
  await desk.page.keyboard.type(text);
}

/** Highlighted texts that the window shows, and among them the current ones. */
const marked = (desk, kind = ":not(.asked)") => desk.log.locator(`mark${kind}`).allInnerTexts();

story("find counts the lines that match, goes to the next and the one before, and around", async () => {
  const { desk } = await opened(range(0, 500, (i) => `line ${i} ${i % 100 === 50 ? "Needle" : "hay"}`));
  await find(desk, "needle");
  await desk.until(() => standing(desk), "5 lines");
  // From the bottom, where the reader is: upward first.
  await desk.page.keyboard.press("Shift+Enter");
  await desk.until(() => standing(desk), "5 of 5");
  await desk.until(() => marked(desk, ".now"), ["Needle"]);
  await desk.until(() => desk.log.locator(".row.current .message").allInnerTexts(), ["line 450 Needle"]);
  for (const [key, place, line] of [
    ["Shift+Enter", "4 of 5", 350],
    ["F3", "5 of 5", 450],
    ["Enter", "1 of 5", 50],
    ["Control+g", "2 of 5", 150],
    ["Control+Shift+g", "1 of 5", 50],
    ["Shift+F3", "5 of 5", 450],
  ]) {
    await desk.page.keyboard.press(key);
    await desk.until(async () => [await standing(desk), await desk.log.locator(".row.current .message").innerText()], [
      place, `line ${line} Needle`,
    ]);
    await desk.until(async () => (await desk.messages()).includes(`line ${line} Needle`), true);
  }
  await desk.page.keyboard.press("Escape");
  await bar(desk).waitFor({ state: "hidden" });
  await desk.until(() => marked(desk), []);
  await desk.until(() => desk.page.evaluate(() => document.activeElement.getAttribute("role")), "log");
});

story("case, whole words and regular expressions are heeded, by click and by key", async () => {
  const { desk } = await opened(["Cat", "cat", "concat", "cat 42", "dog 7"]);
  await find(desk, "cat");
  await desk.until(() => standing(desk), "4 lines");
  await bar(desk).getByRole("button", { name: "Match case" }).click();
  await desk.until(() => standing(desk), "3 lines");
  await desk.page.keyboard.press("Alt+w");
  await desk.until(() => standing(desk), "2 lines");
  await desk.until(() => marked(desk), ["cat", "cat"]);
  await desk.page.keyboard.press("Alt+w");
  await desk.page.keyboard.press("Alt+r");
  await bar(desk).getByRole("textbox").fill("(cat|dog) \\d+");
  await desk.until(() => standing(desk), "2 lines");
  await desk.until(() => marked(desk), ["cat 42", "dog 7"]);
  await bar(desk).getByRole("textbox").fill("(cat");
  await bar(desk).getByRole("alert").waitFor();
  assert.match(await bar(desk).getByRole("alert").innerText(), /./);
  assert.equal(await bar(desk).getByRole("textbox").getAttribute("aria-invalid"), "true");
});

story("an expression that would take for ever is given up in words, and the page goes on", async () => {
  const { desk } = await opened(range(0, 20, (i) => `${"a".repeat(5000)}${i}!`));
  await openFind(desk);
  await desk.page.keyboard.press("Alt+r");
  const worked = await work(desk.page, async () => {
    await desk.page.keyboard.type("(a+)+$");
    await bar(desk).getByRole("alert").waitFor();
  });
  assert.match(await bar(desk).getByRole("alert").innerText(), /too long|too slow/i);
  // On its own thread the expression would take the two seconds that a worker is given for it, and more.
  assert.ok(worked < 1_500, `the page itself worked for ${worked} ms`);
  await bar(desk).getByRole("textbox").fill("a7!");
  await desk.until(() => standing(desk), "1 line");
});

story("what the tab has not is found in the store", async () => {
  const { desk } = await opened(range(0, 6000, (i) => (i === 17 ? "the needle" : `line ${i}`)));
  await find(desk, "needle");
  await desk.until(() => standing(desk), "Not in the loaded lines");
  await bar(desk).getByRole("button", { name: "Search earlier lines in the store" }).click();
  await desk.until(() => standing(desk), "1 of 1");
  await desk.until(async () => (await desk.messages()).includes("the needle"), true);
  await desk.until(() => marked(desk, ".now"), ["needle"]);
  // From there on, the tab lacks what is between the match and the live end, and nothing before it.
  await bar(desk).getByRole("textbox").fill("line 3000");
  await desk.until(() => standing(desk), "Not in the loaded lines");
  await bar(desk).getByRole("button", { name: "Search later lines in the store" }).waitFor();
  await bar(desk).getByRole("button", { name: "Search earlier lines in the store" }).waitFor({ state: "hidden" });
  await bar(desk).getByRole("button", { name: "Search later lines in the store" }).click();
  await desk.until(() => standing(desk), "1 of 1");
  await desk.until(async () => (await desk.messages()).includes("line 3000"), true);
  await bar(desk).getByRole("textbox").fill("nowhere at all");
  await desk.until(() => standing(desk), "Not in the loaded lines");
  await bar(desk).getByRole("button", { name: "Search later lines in the store" }).click();
  await bar(desk).getByText("Not in later lines either.").waitFor();
});

story("who went elsewhere while what the store found was loaded stays there", async () => {
  const { stream, desk } = await opened(range(0, 6000, (i) => (i === 17 ? "the needle" : `line ${i}`)));
  await find(desk, "needle");
  await desk.until(() => standing(desk), "Not in the loaded lines");
  // The search asks for what is before a line; a page of lines has both ends.
  const isPage = ({ pathname, searchParams }) => pathname === "/v1/lines" && searchParams.has("from") && searchParams.has("to");
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await desk.page.route(isPage, async (route) => {
    await held;
    await route.continue();
  });
  const asked = desk.page.waitForRequest((request) => isPage(new URL(request.url())));
  await bar(desk).getByRole("button", { name: "Search earlier lines in the store" }).click();
  await asked;
  await desk.page.evaluate((at) => (location.hash = `${location.hash.split("?")[0]}?at=${at}&find=needle`), `${stream}:5700`);
  await desk.until(() => desk.log.locator(".row.current .message").allInnerTexts(), ["line 5700"]);
  await desk.log.hover();
  await desk.page.mouse.wheel(0, 1_500);
  await desk.until(() => desk.log.locator(".row.current").count(), 0);
  await desk.nextFrame();
  const read = await desk.messages();
  release();
  await desk.until(() => standing(desk), "1 line");
  await desk.nextFrame();
  // The bar has less to offer now, and leaves more room to the lines.
  const now = await desk.messages();
  assert.deepEqual(read.filter((message) => !now.includes(message)), []);
});

story("what is looked for stands in the address, and outlives a filter and a reload", async () => {
  const { desk } = await opened(range(0, 50, (i) => `line ${i}`));
  await find(desk, "line 4");
  await desk.until(() => standing(desk), "11 lines");
  await desk.page.waitForFunction(() => location.hash.endsWith("find=line%204"));
  await desk.page.reload();
  await desk.until(() => standing(desk), "11 lines");
  await desk.filter('-"line 40"');
  await desk.until(() => standing(desk), "10 lines");
  await bar(desk).getByRole("textbox").focus();
  await desk.page.keyboard.press("Escape");
  await desk.page.waitForFunction(() => !location.hash.includes("find="));
});

story("a match within a folded stack trace is unfolded", async () => {
  const { desk } = await opened([
    "java.lang.IllegalStateException: no such order",
    "\tat shop.Orders.find(Orders.java:42)",
    "\tat shop.Main.main(Main.java:7)",
    "after it",
  ]);
  await desk.shows("java.lang.IllegalStateException: no such order", "after it");
  await find(desk, "Main.java");
  await desk.until(() => standing(desk), "1 line");
  await desk.page.keyboard.press("Enter");
  await desk.until(() => standing(desk), "1 of 1");
  await desk.until(() => marked(desk, ".now"), ["Main.java"]);
  assert.ok(await desk.log.locator("mark.now").isVisible());
});

story("a match within a message of many lines, or beyond where a long one is cut, is shown", async () => {
  const { desk } = await opened([
    { message: "first\nsecond\nneedle one" },
    { message: `${"x".repeat(3000)} needle two` },
    { message: "nothing" },
  ]);
  await find(desk, "needle");
  await desk.until(() => standing(desk), "2 lines");
  await desk.page.keyboard.press("Shift+Enter");
  await desk.until(() => marked(desk, ".now"), ["needle"]);
  assert.ok(await desk.log.locator("mark.now").isVisible());
  await desk.page.keyboard.press("Shift+Enter");
  await desk.until(() => standing(desk), "1 of 2");
  await desk.until(async () => (await desk.log.locator(".row.current .message").innerText()).includes("needle one"), true);
});

story("what a hidden stream says is not counted", async () => {
  const root = fresh();
  for (const name of ["a", "b"]) await table.server.send(`${root}/${name}`, [`needle of ${name}`]);
  const desk = await table.open(`${root}/*`);
  await find(desk, "needle");
  await desk.until(() => standing(desk), "2 lines");
  await desk.page.getByRole("group", { name: "Streams in this view" }).getByRole("button", { name: `${root}/a` }).click();
  await desk.until(() => standing(desk), "1 line");
  await desk.shows("needle of b");
});

story("highlights that are kept have their own colours, outlive find and filter, and go with a click", async () => {
  const { desk } = await opened(["red and blue", "red", "blue", "green"]);
  for (const text of ["red", "blue"]) {
    await openFind(desk);
    await bar(desk).getByRole("textbox").fill(text);
    await bar(desk).getByRole("button", { name: "Keep" }).click();
  }
  await desk.page.keyboard.press("Escape");
  await desk.until(() => marked(desk), ["red", "blue", "red", "blue"]);
  const colours = await desk.log.locator("mark").evaluateAll((all) => all.map((mark) => getComputedStyle(mark).backgroundColor));
  assert.equal(new Set(colours).size, 2);
  assert.deepEqual(colours.slice(0, 2), colours.slice(2));
  await desk.filter("red");
  await desk.shows("red and blue", "red");
  await desk.until(() => marked(desk), ["red", "blue", "red"]);
  await desk.page.getByRole("group", { name: "Kept highlights" }).getByRole("button", { name: "red" }).click();
  await desk.until(() => marked(desk), ["blue"]);
});

story("a highlight whose expression takes too long for a line that comes says in words that it has stopped", async () => {
  const { stream, desk } = await opened(["aa", "b"]);
  await openFind(desk);
  await desk.page.keyboard.press("Alt+r");
  await bar(desk).getByRole("textbox").fill("(a+)+$");
  await desk.until(() => marked(desk), ["aa"]);
  await bar(desk).getByRole("button", { name: "Keep" }).click();
  await bar(desk).getByRole("textbox").press("Escape");
  const chip = desk.page.getByRole("group", { name: "Kept highlights" }).getByRole("button");
  await desk.until(() => chip.textContent(), "(a+)+$✕");
  await table.server.send(stream, [`${"a".repeat(5000)}!`]);
  await desk.until(() => chip.locator(".stopped").allInnerTexts(), ["too slow, stopped"]);
  assert.match(await chip.getAttribute("title"), /^This expression takes too long/);
  await desk.until(() => marked(desk), ["aa"]);
  await chip.click();
  await desk.until(() => marked(desk), []);
});
