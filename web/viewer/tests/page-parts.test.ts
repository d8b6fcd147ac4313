// What the page keeps around a log: sheets, sentences, the clipboard, the filter, and what is told a few times a second.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { type Range, TailcastError } from "tailcast-client";
import { FilterHistory } from "../src/address/filters.ts";
import { NO_VIEW, type View } from "../src/address/view.ts";
import { Chunk } from "../src/buffer/chunk.ts";
import type { LineEntry } from "../src/buffer/entry.ts";
import { Clipboard } from "../src/page/clipboard.ts";
import { Display } from "../src/page/display.svelte.ts";
import { Filtering } from "../src/page/filtering.svelte.ts";
import { Saying } from "../src/page/saying.svelte.ts";
import { Sheets } from "../src/page/sheets.svelte.ts";
import { Standing } from "../src/page/standing.svelte.ts";
import { A, B, line, lines } from "./samples.ts";

test("one sheet is open at a time, and a popover closes when one goes on elsewhere", () => {
  const sheets = new Sheets({ activeElement: null, body: {} as HTMLElement });
  sheets.toggle("settings");
  sheets.pressed(true);
  assert.equal(sheets.open, "settings");
  sheets.toggle("views");
  assert.equal(sheets.open, "views");
  sheets.pressed(false);
  assert.equal(sheets.open, undefined);
  sheets.show("help");
  sheets.pressed(false);
  assert.equal(sheets.open, "help", "a dialog is left by its own means");
  sheets.shut("jump");
  assert.equal(sheets.open, "help", "what is heard of a dialog too late closes no other");
  sheets.shut("help");
  assert.equal(sheets.open, undefined);
  sheets.toggle("settings");
  sheets.toggle("settings");
  assert.equal(sheets.open, undefined);
});

test("a popover gives the focus back, unless it is somewhere else by now", async () => {
  const focused: string[] = [];
  const element = (name: string) => ({ focus: () => focused.push(name) }) as unknown as HTMLElement;
  const [body, button, field] = [element("body"), element("button"), element("field")];
  const page: { activeElement: Element | null; body: HTMLElement } = { activeElement: button, body };
  const sheets = new Sheets(page);
  sheets.toggle("settings");
  page.activeElement = body;
  await sheets.close();
  assert.deepEqual(focused, ["button"]);
  page.activeElement = button;
  sheets.toggle("settings");
  page.activeElement = field;
  await sheets.close();
  assert.deepEqual(focused, ["button"]);
});

test("a sentence goes away by itself, and another one stays as long as the first", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const saying = new Saying();
  saying.say("Copied 1 line.");
  t.mock.timers.tick(2_000);
  saying.say("Copied 2 lines.");
  t.mock.timers.tick(2_000);
  assert.equal(saying.words, "Copied 2 lines.");
  t.mock.timers.tick(500);
  assert.equal(saying.words, "");
});

/** A clipboard, and a view with these lines chosen. */
function copying(chosen: readonly LineEntry[], cursor?: LineEntry, view: View = { ...NO_VIEW, streams: ["a"] }) {
  const [written, said]: [string[], string[]] = [[], []];
  let allowed = true;
  const clipboard = new Clipboard({
    write: async (text) => {
      written.push(text);
      return allowed;
    },
    say: (words) => void said.push(words),
    address: { href: "http://x/#/stream/a" },
  });
  const place = cursor && { chunk: new Chunk(), entry: cursor };
  const copied = { choice: { cursor: place, lines: () => [...chosen] }, display: { columns: [] }, view };
  return { clipboard, copied, written, said, forbid: () => (allowed = false) };
}

test("the chosen lines are copied, or the one that keys act on, or nothing", async () => {
  const some = copying(lines(A, 1, 3), line(A, 9));
  await some.clipboard.lines(some.copied);
  assert.deepEqual([some.written[0]?.split("\n").length, some.said], [3, ["Copied 2 lines."]]);
  const one = copying([], line(A, 9));
  await one.clipboard.lines(one.copied);
  assert.match(one.written.join(), / a a9\n$/);
  const none = copying([]);
  await none.clipboard.lines(none.copied);
  assert.deepEqual([none.written, none.said], [[], []]);
});

test("a link is to the line that keys act on, else to the view, and says when that is cut", async () => {
  const toLine = copying([], line(A, 9));
  await toLine.clipboard.link(toLine.copied);
  assert.deepEqual([toLine.written, toLine.said], [["http://x/#/stream/a?at=a:9"], ["Copied a link to the line."]]);
  const toView = copying([]);
  await toView.clipboard.link(toView.copied);
  assert.deepEqual([toView.written, toView.said], [["http://x/#/stream/a"], ["Copied a link to this view."]]);
  const hidden = Array.from({ length: 2_000 }, (_, i) => `a-long-name-of-a-stream/${i}`);
  const toPart = copying([], undefined, { ...NO_VIEW, streams: ["**"], hidden });
  await toPart.clipboard.link(toPart.copied);
  assert.match(toPart.said.join(), /a part of this view/);
});

test("a browser that does not allow copying is told of", async () => {
  const { clipboard, copied, said, forbid } = copying(lines(A, 1, 3));
  forbid();
  await clipboard.lines(copied);
  assert.deepEqual(said, ["The browser did not allow copying."]);
});

test("another filter is another view, and is offered again until it is forgotten", async () => {
  const opened: View[] = [];
  const kept = new Map<string, string>();
  const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, text: string) => void kept.set(key, text) };
  const history = new FilterHistory({ storage: () => storage as unknown as Storage } as never);
  const view = { ...NO_VIEW, streams: ["a"], filter: "x" };
  const filtering = new Filtering({ view: () => view, open: (next) => void opened.push(next), history, client: () => undefined });
  await filtering.apply("level>=warn y");
  assert.deepEqual(opened.at(-1), { ...view, filter: "level>=warn y" });
  await filtering.applyLevel("error");
  assert.equal(opened.at(-1)?.filter, "x level>=error");
  await filtering.apply("");
  assert.equal(opened.at(-1)?.filter, "");
  filtering.forget("x level>=error");
  assert.equal(filtering.used.includes("x level>=error"), false);
});

test("a filter that the server does not understand changes nothing but what is said of it", async () => {
  const opened: View[] = [];
  const refusal = new TailcastError("bad_parameter", "no", { status: 400, parameter: "filter", position: 3 });
  const absent = new TailcastError("stream_not_found", "none", { status: 404 });
  const lines = async (_: string, { filter }: Range = {}) => Promise.reject(filter === "a (" ? refusal : absent);
  const filtering = new Filtering({ view: () => NO_VIEW, open: (next) => void opened.push(next), client: () => ({ lines }) });
  assert.equal(await filtering.apply("a ("), false);
  assert.deepEqual([opened, filtering.refused], [[], { message: "no", position: 3 }]);
  assert.equal(await filtering.apply("a"), true);
  assert.deepEqual([opened.map(({ filter }) => filter), filtering.refused], [["a"], undefined]);
});

test("streams are hidden and shown without being left", () => {
  const hidden: string[][] = [];
  let changes = 0;
  const display = new Display({ ...NO_VIEW, streams: ["**"], hidden: ["a"] }, {
    known: () => [A, B],
    hide: (names) => void hidden.push([...names]),
    changed: () => (changes += 1),
  });
  assert.deepEqual([display.shown, changes], [["b"], 0], "as the address says");
  display.toggle("a");
  display.toggle("b");
  display.showOnly("b");
  display.showOnly(undefined);
  assert.deepEqual(hidden, [["a"], [], ["b"], ["a"], []]);
  assert.equal(changes, 4);
});

test("a field becomes a column once", () => {
  const display = new Display({ ...NO_VIEW, streams: ["a"] }, { known: () => [A], hide: () => {}, changed: () => {} });
  display.addColumn("status");
  display.addColumn("status");
  display.addColumn("order.id");
  assert.deepEqual(display.columns, [{ path: "status" }, { path: "order.id" }]);
});

test("changes are told together, a few times a second, and not while nobody looks", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const page = { hidden: false, listener: undefined as (() => void) | undefined };
    const fake = Object.assign(page, {
      addEventListener: (_: string, listener: () => void) => void (page.listener = listener),
      removeEventListener: () => void (page.listener = undefined),
    });
    let before = 0;
    const standing = new Standing(() => (before += 1), fake as unknown as Document);
    for (let i = 0; i < 5; i += 1) standing.soon();
    assert.equal(standing.version, 0);
    mock.timers.tick(250);
    assert.deepEqual([standing.version, before], [1, 1]);
    page.hidden = true;
    standing.soon();
    mock.timers.tick(10_000);
    assert.equal(standing.version, 1);
    page.listener?.();
    assert.equal(standing.version, 2);
    standing.soon();
    standing.stop();
    mock.timers.tick(10_000);
    assert.deepEqual([standing.version, page.listener], [2, undefined]);
  } finally {
    mock.timers.reset();
  }
});
