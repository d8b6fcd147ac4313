// Everything by the keyboard: each key does what the help sheet says of it, and the focus is always somewhere.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { fresh, range, setTable } from "../desk.mjs";

const table = setTable();

async function opened(count = 300) {
  const stream = fresh();
  await table.server.send(stream, range(0, count, (i) => ({ level: i % 2 ? "info" : "error", message: `line ${i}`, fields: { n: i } })));
  const desk = await table.open(stream);
  await desk.row(`line ${count - 1}`).waitFor();
  await desk.page.getByRole("group", { name: "Lines by level" }).getByRole("button").first().waitFor();
  await desk.log.focus();
  return { stream, desk };
}

const current = async (desk) => {
  const row = desk.log.locator(".row.current .message");
  return (await row.count()) ? row.innerText() : "";
};
const focused = (desk) => desk.page.evaluate(() => {
  const { activeElement: at } = document;
  return at?.getAttribute("aria-label") ?? at?.textContent ?? "";
});

/** What a key does, seen from outside: [key, what to look at, what it is then]. `before` leads there. */
const KEYS = [
  ["k", current, /^line \d+$/],
  ["ArrowUp", current, /^line \d+$/],
  ["j", current, /^line \d+$/],
  ["ArrowDown", current, /^line \d+$/],
  ["PageUp", (desk) => desk.button("Jump to live").count(), /1/],
  ["Shift+ ", (desk) => desk.button("Jump to live").count(), /1/],
  ["g", async (desk) => (await desk.messages())[0], /^line 0$/],
  ["Home", async (desk) => (await desk.messages())[0], /^line 0$/],
  ["p", (desk) => desk.page.locator("#state").innerText(), /^paused/],
  ["t", (desk) => desk.page.getByRole("dialog", { name: "Jump to a time" }).count(), /1/],
  ["/", focused, /^Filter$/],
  ["Control+f", focused, /^Find in loaded lines$/],
  ["s", focused, /^Find a stream, or type/],
  ["w", (desk) => desk.log.getAttribute("class"), /^(?!.*\bwrap\b)/],
  ["r", (desk) => desk.page.getByRole("region", { name: "Lines over time" }).count(), /^0$/],
  ["e", (desk) => desk.page.getByRole("dialog", { name: "Copy or download" }).count(), /1/],
  [",", (desk) => desk.page.getByRole("dialog", { name: "Settings" }).count(), /1/],
  ["?", (desk) => desk.page.getByRole("dialog", { name: "Keyboard" }).count(), /1/],
];

story("each key does from the live end what the help sheet says", async () => {
  for (const [key, look, wanted] of KEYS) {
    const { desk } = await opened();
    await desk.page.keyboard.press(key === "Shift+ " ? "Shift+Space" : key);
    await desk.until(async () => [key, wanted.test(String(await look(desk)))], [key, true]);
    const focus = () => desk.page.evaluate(() => document.activeElement !== null && document.activeElement !== document.body);
    await desk.until(async () => [key, await focus()], [key, true]);
    await table.leave();
  }
});

story("the help sheet names every key that does something, and Escape closes it and gives the focus back", async () => {
  const { desk } = await opened();
  await desk.page.keyboard.press("?");
  const sheet = desk.page.getByRole("dialog", { name: "Keyboard" });
  await sheet.waitFor();
  const keys = (await sheet.locator("kbd").allInnerTexts()).map((key) => key.trim());
  for (const key of ["j", "k", "Page ↓", "Space", "Home", "End", "G", "p", "t", "/", "Ctrl F", "F3", "Enter", "Shift ↓", "c", "l", "x", "s", "w", "r", "e", ",", "?", "Esc"]) {
    assert.ok(keys.includes(key), `${key} among ${keys.join(" ")}`);
  }
  await desk.page.keyboard.press("Escape");
  await sheet.waitFor({ state: "detached" });
  await desk.until(() => focused(desk), "Lines");
});

story("lines are gone through, chosen, opened and left, with nothing but keys", async () => {
  const { desk } = await opened();
  const { keyboard } = desk.page;
  await keyboard.press("Home");
  await desk.until(async () => (await desk.messages())[0], "line 0");
  await keyboard.press("j");
  await desk.log.locator(".row.current").waitFor();
  const first = Number((await current(desk)).split(" ")[1]);
  await keyboard.press("j");
  await desk.until(() => current(desk), `line ${first + 1}`);
  await keyboard.press("k");
  await desk.until(() => current(desk), `line ${first}`);
  await keyboard.press("Shift+ArrowDown");
  await keyboard.press("J");
  await desk.until(() => desk.log.locator(".row.selected").count(), 3);
  await keyboard.press("K");
  await desk.until(() => desk.log.locator(".row.selected").count(), 2);
  await keyboard.press("Escape");
  await desk.until(() => desk.log.locator(".row.selected").count(), 0);
  await keyboard.press("Enter");
  await desk.log.locator(".row.current .details").waitFor();
  // What is done with a field is reached by Tab.
  const reached = [];
  while (reached.length < 12 && reached.at(-1) !== "As column") {
    await keyboard.press("Tab");
    reached.push(await focused(desk));
  }
  for (const name of ["Copy line", "Copy link", "Show in context", "Copy value", "Only this", "Without this", "As column"]) {
    assert.ok(reached.includes(name), `${name} among ${reached.join(", ")}`);
  }
  await keyboard.press("o");
  await desk.log.locator(".details").waitFor({ state: "detached" });
  await desk.until(() => focused(desk), "Lines");
  await keyboard.press("End");
  await desk.until(async () => (await desk.messages()).at(-1), "line 299");
  await desk.button("Jump to live").waitFor({ state: "hidden" });
});

story("a page on and a page back, and further up than what is loaded, by keys", async () => {
  const { desk } = await opened(3000);
  const seen = new Set(await desk.messages());
  for (let i = 0; i < 3; i++) {
    const before = await desk.messages();
    await desk.page.keyboard.press("PageUp");
    await desk.until(async () => (await desk.messages()).join() !== before.join(), true);
    const now = await desk.messages();
    // A line of the page before stays in sight.
    assert.ok(now.includes(before[0]), `${before[0]} in ${now[0]} to ${now.at(-1)}`);
    for (const message of now) seen.add(message);
  }
  const numbers = [...seen].map((message) => Number(message.split(" ")[1])).sort((a, b) => a - b);
  assert.deepEqual(numbers, range(numbers[0], 3000, (i) => i));
  await desk.page.keyboard.press("Home");
  await desk.until(async () => (await desk.messages())[0], "line 0");
});

story("Tab goes through the page in the order in which it is read, and the focus can always be seen", async () => {
  const { desk } = await opened();
  await desk.page.evaluate(() => document.activeElement.blur());
  await desk.page.locator(".brand").focus();
  const order = [];
  for (let i = 0; i < 45; i++) {
    const at = await desk.page.evaluate(() => {
      const { activeElement: at } = document;
      if (!at || at === document.body) return undefined;
      const box = at.getBoundingClientRect();
      const style = [at, at.closest(".line")].filter(Boolean).map((element) => getComputedStyle(element));
      return {
        name: at.getAttribute("aria-label") ?? at.textContent.trim().replace(/\s+/g, " "),
        inside: box.width > 0 && box.height > 0 && box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight + 1,
        outlined: style.some(({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && outlineWidth !== "0px"),
      };
    });
    if (!at) break;
    order.push(at);
    await desk.page.keyboard.press("Tab");
  }
  assert.deepEqual(order.filter(({ inside, outlined }) => !inside || !outlined), []);
  const names = order.map(({ name }) => name);
  const places = ["Tailcast", "Find a stream, or type a name or pattern", "Sign out", "Pause", "Settings", "Filter", "Find", "Jump", "Time that is read", "Lines"].map((name) => names.indexOf(name));
  assert.ok(places.every((place) => place >= 0), `${places} in ${names.join(" | ")}`);
  assert.deepEqual(places, places.toSorted((a, b) => a - b));
});

// The browser tells that a dialog was closed a task later than it closes.
story("a dialog opens at once after another was closed, and after itself", async () => {
  const { desk } = await opened();
  const dialogs = [["Keyboard", "Keyboard"], ["Jump to a time", "Jump"], ["Copy or download", "Copy or download"]];
  for (const [closed, opener] of dialogs) {
    for (const [name, other] of dialogs) {
      await desk.button(opener).click();
      await desk.page.getByRole("dialog", { name: closed, exact: true }).waitFor();
      await desk.page.evaluate((label) => {
        document.querySelector("dialog[open]").close();
        const says = (button) => (button.getAttribute("aria-label") ?? button.textContent).trim() === label;
        [...document.querySelectorAll("button")].find(says).click();
      }, other);
      const dialog = desk.page.getByRole("dialog", { name, exact: true });
      await desk.page.evaluate(() => new Promise((done) => setTimeout(() => requestAnimationFrame(() => setTimeout(done)))));
      assert.ok(await dialog.isVisible(), `${name} after ${closed}`);
      await desk.page.keyboard.press("Escape");
      await dialog.waitFor({ state: "hidden" });
    }
  }
});

story("what is opened takes the focus, and gives it back when Escape closes it", async () => {
  const { desk } = await opened();
  for (const [name, open] of [
    ["Settings", async () => desk.button("Settings").press("Enter")],
    ["Saved views", async () => desk.button("Saved views").press("Enter")],
    ["Copy or download", async () => desk.button("Copy or download").press("Enter")],
    ["Keyboard", async () => desk.button("Keyboard").press("Enter")],
    ["Jump to a time", async () => desk.button("Jump").press("Enter")],
  ]) {
    await open();
    const dialog = desk.page.getByRole("dialog", { name, exact: true });
    await dialog.waitFor();
    await desk.until(async () => [name, await dialog.evaluate((dialog) => dialog.contains(document.activeElement))], [name, true]);
    await desk.page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await desk.until(() => focused(desk), name === "Jump to a time" ? "Jump" : name);
  }
});
