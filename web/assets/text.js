// How things are written for a reader. Pure.

const CONTROLS = new RegExp(
  "[\\u0000-\\u0008\\u000a-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]",
  "gu",
);

/** The characters below U+0020 by their short names; fonts often lack their signs. */
const NAMES =
  "NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US".split(" ");

export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];

/**
 * Splits text into parts { text, control }: characters that would be invisible or move others stand as a visible sign
 * of their own. A line feed stands as a sign and is kept, so that a stack trace can be read. Tabs are tabs.
 */
export function visible(text) {
  const parts = [];
  let end = 0;
  for (const { 0: character, index } of text.matchAll(CONTROLS)) {
    if (index > end) parts.push({ text: text.slice(end, index), control: false });
    parts.push({ text: sign(character), control: true });
    end = index + character.length;
    if (character === "\n") parts.push({ text: "\n", control: false });
  }
  if (end < text.length) parts.push({ text: text.slice(end), control: false });
  return parts;
}

function sign(character) {
  const code = character.codePointAt(0);
  if (code < 0x20) return NAMES[code];
  if (code === 0x7f) return "DEL";
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** The first `length` UTF-16 units, and no half character at the cut. */
export function cut(text, length) {
  if (text.length <= length) return text;
  const half = /[\ud800-\udbff]$/.test(text.slice(0, length));
  return text.slice(0, half ? length - 1 : length);
}

/** A line's time in the reader's own zone: { date: "11-21", time: "14:03:07.123" }, or as it came. */
export function clock(ts) {
  const at = new Date(ts);
  if (typeof ts !== "string" || Number.isNaN(at.getTime())) return { date: "", time: String(ts ?? "") };
  const two = (number) => String(number).padStart(2, "0");
  return {
    date: `${two(at.getMonth() + 1)}-${two(at.getDate())}`,
    time:
      `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}` +
      `.${String(at.getMilliseconds()).padStart(3, "0")}`,
  };
}

/** Fields on one line: `status=200 path=/cart user.id=7`, no longer than `length`. */
export function summary(fields, length) {
  let text = "";
  for (const [name, value] of pairs(fields, "")) {
    text += `${text ? " " : ""}${name}=${value}`;
    if (text.length > length) return `${cut(text, length)}…`;
  }
  return text;
}

function* pairs(fields, prefix) {
  for (const [name, value] of Object.entries(fields)) {
    const path = prefix + name;
    if (isPlainObject(value) && Object.keys(value).length > 0) yield* pairs(value, `${path}.`);
    else yield [path, typeof value === "string" && /^[^\s="]+$/.test(value) ? value : JSON.stringify(value)];
  }
}

/** Whether a line has fields to show. */
export function hasFields(fields) {
  return isPlainObject(fields) && Object.keys(fields).length > 0;
}

function isPlainObject(value) {
  // A number of 64 bits is an object too, of a class of its own.
  return value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;
}

/** `1 line`, `12,345 lines`. */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** Lines a second: `0.4/s`, `12/s`, `3.1k/s`; nothing for a silent stream. */
export function rate(perSecond) {
  if (!(perSecond > 0)) return "";
  if (perSecond < 0.1) return "<0.1/s";
  if (perSecond < 10) return `${perSecond.toFixed(1)}/s`;
  if (perSecond < 1000) return `${Math.round(perSecond)}/s`;
  return `${(perSecond / 1000).toFixed(1)}k/s`;
}

/** How long ago, in one unit. */
export function ago(ts, now) {
  const seconds = Math.max(0, (now - Date.parse(ts)) / 1000);
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 5) return "now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}
