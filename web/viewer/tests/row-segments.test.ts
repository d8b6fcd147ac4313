import assert from "node:assert/strict";
import { test } from "node:test";
import type { Style } from "../src/row/ansi.ts";
import { type Highlight, type Segment, cut, cutMessage, overlay, segments } from "../src/row/segments.ts";

const ANSI = { ansi: true };
const AS_TEXT = { ansi: false };

/** Pieces as short text: signs in ‹›. */
const drawn = (pieces: readonly Segment[]): string =>
  pieces.map(({ text, sign }) => (sign ? `‹${text}›` : text)).join("");

const styles = (message: string): (string | Style | undefined)[][] =>
  segments(message, ANSI).map(({ text, style }) => [text, style]);

test("a plain message is one piece, and an empty one none", () => {
  assert.deepEqual(segments("GET /cart\t200", ANSI), [{ text: "GET /cart\t200", from: 0, to: 13 }]);
  assert.deepEqual(segments("", ANSI), []);
});

test("text of any script is text", () => {
  for (const message of ["größer", "日本語", "שלום", "e\u0301", "👍🏽", "❤\ufe0f", "नमस्ते"]) {
    assert.deepEqual(segments(message, ANSI), [{ text: message, from: 0, to: message.length }]);
  }
});

test("characters that would not be seen stand as signs", () => {
  const cases: [string, string][] = [
    ["a\0b", "a‹NUL›b"],
    ["\x07\x08\x7f", "‹BEL›‹BS›‹DEL›"],
    ["\x85\x9b31m", "‹U+0085›‹U+009B›31m"],
    ["user\u202egnp.exe", "user‹U+202E›gnp.exe"],
    ["\u2066a\u2069", "‹U+2066›a‹U+2069›"],
    ["zero\u200bwidth\ufeff", "zero‹U+200B›width‹U+FEFF›"],
    ["soft\u00adhyphen", "soft‹U+00AD›hyphen"],
    ["a\u2028b\u2029c", "a‹U+2028›b‹U+2029›c"],
    ["tag\u{e0041}", "tag‹U+E0041›"],
    ["hidden\u{e0100}\u{e01ef}", "hidden‹U+E0100›‹U+E01EF›"],
    ["filler\u3164\u115f\u034f", "filler‹U+3164›‹U+115F›‹U+034F›"],
    ["half\ud800", "half‹U+D800›"],
    ["\r\n", "‹CR›‹LF›\n"],
    ["one\ntwo", "one‹LF›\ntwo"],
  ];
  for (const [message, expected] of cases) assert.equal(drawn(segments(message, ANSI)), expected);
});

test("the same sign many times over is counted", () => {
  assert.equal(drawn(segments("\0".repeat(8), ANSI)), "‹NUL›".repeat(8));
  assert.equal(drawn(segments("\0".repeat(100_000), ANSI)), "‹NUL ×100,000›");
  assert.equal(drawn(segments(`a${"\n".repeat(9)}b`, ANSI)), "a‹LF ×9›\nb");
  assert.equal(drawn(segments("\x1b\x1b\x1b[31mred", ANSI)), "‹ESC›‹ESC›red");
});

test("colours and styles of terminals", () => {
  const cases: [string, (string | Style | undefined)[][]][] = [
    ["\x1b[31mred\x1b[0m plain", [["red", { fg: 1 }], [" plain", undefined]]],
    ["\x1b[1;97;104mx\x1b[m", [["x", { bold: true, fg: 15, bg: 12 }]]],
    ["\x1b[1;2;3;4;7;9mx", [["x", { bold: true, dim: true, italic: true, underline: true, inverse: true, strike: true }]]],
    ["\x1b[1;2;3;4;7;9m\x1b[22;23;24;27;29mx", [["x", undefined]]],
    ["\x1b[31;42mx\x1b[39my\x1b[49mz", [["x", { fg: 1, bg: 2 }], ["y", { bg: 2 }], ["z", undefined]]],
    ["\x1b[38;5;9mx", [["x", { fg: 9 }]]],
    ["\x1b[38;5;196;1mx", [["x", { fg: [255, 0, 0], bold: true }]]],
    ["\x1b[48;5;244mx", [["x", { bg: [128, 128, 128] }]]],
    ["\x1b[38;2;1;2;3;48;2;4;5;6mx", [["x", { fg: [1, 2, 3], bg: [4, 5, 6] }]]],
    ["\x1b[38:5:196mx", [["x", { fg: [255, 0, 0] }]]],
    ["\x1b[38:2:1:2:3mx", [["x", { fg: [1, 2, 3] }]]],
    ["\x1b[38:2::1:2:3;1mx", [["x", { fg: [1, 2, 3], bold: true }]]],
    ["\x1b[4:3mx\x1b[4:0my", [["x", { underline: true }], ["y", undefined]]],
    ["\x1b[58;5;1mx", [["x", undefined]]],
    ["\x1b[38;5;999mx", [["x", undefined]]],
    ["\x1b[38;2;300;0;0mx", [["x", undefined]]],
  ];
  for (const [message, expected] of cases) assert.deepEqual(styles(message), expected, JSON.stringify(message));
});

test("concealed text is shown", () => {
  assert.deepEqual(styles("\x1b[8msecret\x1b[28m"), [["secret", undefined]]);
});

test("every other escape sequence is signs and text", () => {
  const cases: [string, string][] = [
    ["\x1b[2Jx", "‹ESC›[2Jx"],
    ["\x1b[?25l", "‹ESC›[?25l"],
    ["\x1b[>4;2m", "‹ESC›[>4;2m"],
    ["\x1b[31", "‹ESC›[31"],
    ["\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x07", "‹ESC›]8;;https://example.org‹ESC›\\link‹ESC›]8;;‹BEL›"],
    ["\x1bc", "‹ESC›c"],
  ];
  for (const [message, expected] of cases) assert.equal(drawn(segments(message, ANSI)), expected);
});

test("without ANSI colours every escape is shown", () => {
  assert.equal(drawn(segments("\x1b[31mred\x1b[0m", AS_TEXT)), "‹ESC›[31mred‹ESC›[0m");
});

test("pieces say where in the message they stand", () => {
  const message = "a\x1b[31mb\0c\x1b[0m👍\n";
  const places = segments(message, ANSI).map(({ text, from, to }) => [text, from, to]);
  assert.deepEqual(places, [
    ["a", 0, 1],
    ["b", 6, 7],
    ["NUL", 7, 8],
    ["c", 8, 9],
    ["👍", 13, 15],
    ["LF", 15, 16],
    ["\n", 16, 16],
  ]);
});

test("more than eight combining marks on a character are counted", () => {
  const marks = "\u0301".repeat(100_000);
  assert.equal(drawn(segments(`e${"\u0301".repeat(8)}!`, ANSI)), `e${"\u0301".repeat(8)}!`);
  assert.equal(drawn(segments(`e${marks}!`, ANSI)), `e${"\u0301".repeat(8)}‹+99,992 marks›!`);
});

test("a message of 1 MiB is pieces that a browser can lay out, and all of it", () => {
  const message = "0123456789abcde👍".repeat(61_681);
  const pieces = segments(message, ANSI);
  assert.equal(pieces.map(({ text }) => text).join(""), message);
  assert.ok(pieces.every(({ text }) => text.length <= 20_000));
  assert.ok(pieces.every(({ text }) => !/[\ud800-\udbff]$/.test(text)));
});

test("a message of nothing but escapes is drawn in few pieces, each unit in its place", () => {
  const message = "\x1b[31mx\0\u{e0041}".repeat(90_000);
  const pieces = segments(message, ANSI);
  assert.ok(pieces.length < 5_100, String(pieces.length));
  assert.equal(pieces.at(-1)?.to, message.length);
  assert.ok(pieces.at(-1)?.text.endsWith("¤[31mx¤¤¤"));
});

test("a cut leaves no half character and no half colour", () => {
  assert.equal(cut("abc", 3), "abc");
  assert.equal(cut("ab👍", 3), "ab");
  assert.equal(cutMessage("x".repeat(1_000), ANSI), "x".repeat(1_000));
  assert.equal(cutMessage(`${"x".repeat(996)}\x1b[31m red`, ANSI), "x".repeat(996));
  assert.equal(cutMessage(`${"x".repeat(996)}\x1b[31m red`, AS_TEXT), `${"x".repeat(996)}\x1b[31`);
  assert.equal(cutMessage(`${"x".repeat(998)}👍👍`, ANSI), `${"x".repeat(998)}👍`);
});

test("highlights split the pieces that they touch", () => {
  const cases: [string, Highlight[], [string, number?][]][] = [
    ["one two", [], [["one two"]]],
    ["one two", [[4, 7, 0]], [["one "], ["two", 0]]],
    ["one two", [[0, 3, 0], [4, 7, 1]], [["one", 0], [" "], ["two", 1]]],
    ["one two", [[4, 7, 2], [0, 7, 0]], [["one two", 0]]],
    ["one two", [[0, 7, 2], [2, 5, 0], [4, 5, 1]], [["on", 2], ["e ", 0], ["t", 1], ["wo", 2]]],
    ["\x1b[31mon\x1b[0me", [[5, 12, 0]], [["on", 0], ["e", 0]]],
    ["a\0b", [[0, 2, 0]], [["a", 0], ["NUL", 0], ["b"]]],
    ["a\nb", [[0, 3, 0]], [["a", 0], ["LF", 0], ["\n"], ["b", 0]]],
    ["👍👍", [[1, 2, 0]], [["👍", 0], ["👍"]]],
    ["abc", [[2, 2, 0], [9, 12, 0]], [["abc"]]],
  ];
  for (const [message, highlights, expected] of cases) {
    const pieces = overlay(segments(message, ANSI), highlights);
    const found = pieces.map(({ text, highlight }) => (highlight === undefined ? [text] : [text, highlight]));
    assert.deepEqual(found, expected, `${message} ${JSON.stringify(highlights)}`);
  }
});
