import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { BINDINGS, type Press, commandOf, keyWords } from "../src/page/keys.ts";

const press = (key: string, modifiers: Partial<Press> = {}): Press => ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...modifiers });

test("a key asks for one thing", () => {
  const keys = BINDINGS.flatMap((binding) => binding.keys);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(new Set(BINDINGS.map(({ command }) => command)).size, BINDINGS.length);
});

test("key presses are understood as they come from a browser", () => {
  const table: [Press, boolean, string | undefined][] = [
    [press("j"), false, "down"],
    [press("J", { shiftKey: true }), false, "chooseDown"],
    [press("ArrowDown", { shiftKey: true }), false, "chooseDown"],
    [press(" "), false, "pageDown"],
    [press(" ", { shiftKey: true }), false, "pageUp"],
    [press("?", { shiftKey: true }), false, "help"],
    [press("G", { shiftKey: true }), false, "live"],
    [press("f", { ctrlKey: true }), false, "find"],
    [press("f", { metaKey: true }), true, "find"],
    [press("g", { ctrlKey: true }), false, "next"],
    [press("G", { ctrlKey: true, shiftKey: true }), false, "previous"],
    [press("c", { ctrlKey: true }), true, undefined],
    [press("F3"), true, "next"],
    [press("g", { ctrlKey: true }), true, "next"],
    [press("n"), true, undefined],
    [press("j"), true, undefined],
    [press("j", { altKey: true }), false, undefined],
    [press("q"), false, undefined],
  ];
  for (const [pressed, typing, command] of table) assert.equal(commandOf(pressed, typing), command, JSON.stringify(pressed));
});

test("keys are written as people know them", () => {
  const table = [["j", "j"], ["ArrowDown", "↓"], ["Shift+ArrowUp", "Shift ↑"], ["Ctrl+f", "Ctrl F"], ["Shift+ ", "Shift Space"], ["G", "G"], ["Escape", "Esc"]];
  for (const [key, words] of table) assert.equal(keyWords(key ?? ""), words);
});

test("docs/viewer.md lists all keys, and no others", async () => {
  const text = await readFile(new URL("../../../docs/viewer.md", import.meta.url), "utf8");
  const listed = /^## Keys$[^]*?\|---\|---\|\n([^]*?)\n\n/m.exec(text)?.[1];
  const rows = BINDINGS.map(({ keys, words }) => `| ${keys.map((key) => `\`${keyWords(key)}\``).join(" ")} | ${words} |`);
  assert.equal(listed, rows.join("\n"));
});
