// One row of the log. All text goes in as text nodes; class names and attributes never come from a line.

import { LEVELS, clock, count, cut, hasFields, summary, visible } from "./text.js";

/** A longer message is cut until the reader asks for all of it. */
const MESSAGE_SHOWN = 1_000;
const FIELDS_SHOWN = 240;

/** A row for an entry: { kind: "line", stream, offset, line } or { kind: "note", tone, text }. */
export function rowOf(entry, showStream) {
  return entry.kind === "line" ? lineRow(entry, showStream) : noteRow(entry);
}

/** An element with a class and children; strings become text. */
export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function lineRow({ stream, offset, line }, showStream) {
  const level = LEVELS.includes(line.level) ? line.level : undefined;
  const row = element("div", level ? `row ${level}` : "row");
  const { date, time } = clock(line.ts);
  const when = element("span", "when", element("span", "date", `${date} `), time);
  when.title = `${line.ts}\n${stream} #${offset}`;
  row.append(when, element("span", "level", level ?? ""));
  if (showStream) row.append(element("span", "stream", stream));
  const text = element("div", "text");
  const message = typeof line.message === "string" ? line.message : JSON.stringify(line.message ?? "");
  putMessage(text, message);
  if (hasFields(line.fields)) putFields(text, line.fields);
  row.append(text);
  return row;
}

function putMessage(text, message) {
  const shown = cut(message, MESSAGE_SHOWN);
  const span = element("span", "message");
  putVisible(span, shown);
  text.append(span);
  if (shown.length === message.length) return;
  const more = element("button", "more", `… show all ${count(message.length, "character")}`);
  more.type = "button";
  more.addEventListener("click", () => {
    span.replaceChildren();
    putVisible(span, message);
    more.remove();
  });
  text.append(" ", more);
}

function putFields(text, fields) {
  const folded = element("button", "fields");
  folded.type = "button";
  folded.title = "Show the fields";
  folded.setAttribute("aria-expanded", "false");
  putVisible(folded, summary(fields, FIELDS_SHOWN));
  let open;
  folded.addEventListener("click", () => {
    if (open) {
      open.remove();
      open = undefined;
    } else {
      open = element("pre", "open");
      // The line feeds are JSON's own here: those of a value are escaped.
      for (const line of JSON.stringify(fields, null, 2).split("\n")) {
        if (open.firstChild) open.append("\n");
        putVisible(open, line);
      }
      text.append(open);
    }
    folded.setAttribute("aria-expanded", String(open !== undefined));
  });
  text.append(" ", folded);
}

function putVisible(parent, text) {
  for (const part of visible(text)) {
    parent.append(part.control ? element("span", "control", part.text) : part.text);
  }
}

function noteRow({ tone, text }) {
  const row = element("div", `row note ${tone}`);
  putVisible(row, text);
  return row;
}
