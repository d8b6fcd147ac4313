import assert from "node:assert/strict";
import { test } from "node:test";
import { overlay, segments } from "../src/row/segments.ts";
import { onTerminal, overwrites } from "../src/row/terminal.ts";

const shown = (message: string) => onTerminal(message, segments(message, { ansi: true })).map(({ text }) => text).join("");

test("what was written over is not shown, what is longer stays, and what was erased is gone", () => {
  const told: Record<string, string> = {
    " 1%\r 2%\r 79%\r": " 79%",
    "abcdef\rXY": "XYcdef",
    "loading 10 files\rready\x1b[K": "ready",
    "abc\r\x1b[2K\rx": "x  ",
    "one\r\ntwo\rTHREE": "one\nTHREE",
    "\x1b[32m10%\x1b[0m\r\x1b[32m20%\x1b[0m": "20%",
    "ee\u0301e\rab": "abe",
  };
  for (const [message, text] of Object.entries(told)) assert.deepEqual([message, shown(message)], [message, text]);
});

test("only a carriage return with something behind it writes over a line", () => {
  assert.deepEqual(["a\rb", "a\r\nb", "a\r", "a\r\r\n", "plain", " 1%\r 2%\r"].map(overwrites), [true, false, false, false, false, true]);
});

test("what is found stays marked where it stands on the screen", () => {
  const message = "abcdef\rXY";
  const pieces = overlay(onTerminal(message, segments(message, { ansi: true })), [[3, 5, 0], [7, 8, 0]]);
  assert.deepEqual(pieces.map(({ text, highlight }) => [text, highlight]), [["X", 0], ["Y", undefined], ["c", undefined], ["de", 0], ["f", undefined]]);
});
