import assert from "node:assert/strict";
import { test } from "node:test";
import { Buffer } from "../src/buffer/buffer.ts";
import { Chunk } from "../src/buffer/chunk.ts";
import type { Entry, HoleEntry, LineEntry, Stream } from "../src/buffer/entry.ts";
import { Entries } from "../src/follow/lines.ts";
import { joinTraces } from "../src/follow/seams.ts";
import { A, B, hole } from "./samples.ts";

const continues = (message: string) => message.startsWith("+");

/** Lines of a stream from an offset on, by their messages, as they come in one piece: `head + + next`. */
function piece(stream: Stream, from: number, messages: string): LineEntry[] {
  const lines = messages.split(" ").map((message, i) => ({ offset: from + i, ts: "2026-11-21T10:00:00Z", message }));
  return new Entries(continues).of(stream, lines);
}

/** A log of these, with a hole into which `loaded` comes. */
function met({ above = [], loaded, below = [], held }: { above?: Entry[]; loaded: Entry[]; below?: Entry[]; held?: LineEntry }): Buffer {
  const buffer = new Buffer();
  const missing: HoleEntry = hole([[A, 10, 20], [B, 10, 20]]);
  buffer.append([...above, missing, ...below]);
  buffer.show((entry) => entry.kind !== "line" || !entry.trace || entry.trace.unfolded || entry.trace.head === entry);
  // The rows were shown before.
  assert.ok(buffer.length > 0);
  buffer.replace(missing, loaded);
  joinTraces(buffer.chunks, loaded.filter((entry) => entry.kind === "line"), { continues, holds: (entry) => entry === held });
  return buffer;
}

/** The rows that are shown: each line's offset, and how many go on with it. */
const rows = (buffer: Buffer): string =>
  buffer.slice(0, buffer.length).map(({ entry }) => {
    if (entry.kind !== "line") return entry.kind;
    const more = entry.trace?.head === entry ? `+${entry.trace.lines}` : "";
    return `${entry.stream.name}${entry.line.offset}${more}`;
  }).join(" ");

test("a trace that two pages cut is one, wherever its parts meet", () => {
  const table: [string, Parameters<typeof met>[0], string][] = [
    ["its lines were there first", { loaded: piece(A, 18, "x head"), below: piece(A, 20, "+ + next") }, "a18 a19+2 a22"],
    ["its head was there first", { above: piece(A, 8, "head +"), loaded: piece(A, 10, "+ + next") }, "a8+3 a12"],
    ["on both sides", { above: piece(A, 9, "head"), loaded: piece(A, 10, "+ +"), below: piece(A, 12, "+ +") }, "a9+4"],
    ["a line alone", { loaded: piece(A, 19, "head"), below: piece(A, 20, "+") }, "a19+1"],
    ["lines of others stand between", { loaded: [...piece(A, 19, "head"), ...piece(B, 19, "x")], below: [...piece(B, 20, "+"), ...piece(A, 20, "+ next")] }, "a19+1 b19+1 a21"],
  ];
  for (const [what, parts, expected] of table) assert.equal(rows(met(parts)), expected, what);
});

test("traces stay apart where lines are missing between them, and where one begins anew", () => {
  const table: [string, Parameters<typeof met>[0], string][] = [
    ["a hole", { loaded: [...piece(A, 15, "head"), hole([[A, 16, 20]])], below: piece(A, 20, "+ next") }, "a15 hole a20 a21"],
    ["a gap", { loaded: [...piece(A, 15, "head"), { kind: "gap", run: { stream: A, from: 16, to: 20 }, reason: "retention" }], below: piece(A, 20, "+") }, "a15 gap a20"],
    ["another head", { loaded: piece(A, 18, "head +"), below: piece(A, 20, "head + next") }, "a18+1 a20+1 a22"],
    ["another stream's hole", { loaded: [...piece(A, 19, "head"), hole([[B, 10, 20]])], below: piece(A, 20, "+") }, "a19+1 hole"],
  ];
  for (const [what, parts, expected] of table) assert.equal(rows(met(parts)), expected, what);
});

test("what the reader unfolded, or is at, is not folded away by what is loaded", () => {
  const below = piece(A, 20, "+ + next");
  assert.equal(rows(met({ loaded: piece(A, 18, "head +"), below, held: below[0]! })), "a18+3 a19 a20 a21 a22");
  const open = piece(A, 20, "+ +");
  open[0]!.trace!.unfolded = true;
  assert.equal(rows(met({ loaded: piece(A, 18, "head +"), below: open })), "a18+3 a19 a20 a21");
});

test("lines whose head the tab let go of are of its trace again when that is loaded", () => {
  const [head, ...lines] = piece(A, 19, "head + +");
  const again = piece(A, 19, "head");
  const buffer = met({ loaded: again, below: lines });
  assert.equal(rows(buffer), "a19+2");
  assert.ok(head && lines.every(({ trace }) => trace === again[0]?.trace && trace !== head.trace));
});

test("lines that the tab let go of and loaded again count once in their trace", () => {
  const trace = () => piece(A, 9, "head + + + +");
  const table: [string, (trace: LineEntry[]) => Parameters<typeof met>[0], string][] = [
    ["all of them", (before) => ({ above: before.slice(0, 1), loaded: piece(A, 10, "+ + + + next") }), "a9+4 a14"],
    ["the first ones", (before) => ({ above: before.slice(0, 1), loaded: piece(A, 10, "+ +"), below: before.slice(3) }), "a9+4"],
    ["the last ones", (before) => ({ above: before.slice(0, 3), loaded: piece(A, 12, "+ + next") }), "a9+4 a14"],
    ["all of them, and one that came behind them", (before) => ({ above: before.slice(0, 1), loaded: piece(A, 10, "+ + + + +") }), "a9+5"],
  ];
  for (const [what, parts, expected] of table) assert.equal(rows(met(parts(trace()))), expected, what);
});

test("lines that were found with their head and come with a later page count once", () => {
  // The first page could show two of four: another stream's lines come between.
  const shown = piece(A, 6, "head + + + +").slice(0, 3);
  const more: HoleEntry = hole([[A, 9, 20]]);
  const buffer = met({ loaded: [...shown, more] });
  const rest = piece(A, 9, "+ + next");
  buffer.replace(more, rest);
  joinTraces(buffer.chunks, rest, { continues, holds: () => false });
  assert.equal(rows(buffer), "a6+4 a11");
});

test("a trace's other part is looked for where it can be, however many streams there are", () => {
  const quiet = Array.from({ length: 300 }, (_, i): Stream => ({ name: `quiet${i}`, colour: 0 }));
  let read = 0;
  const chunks = [0, 1].map((half) => Array.from({ length: 100 }, (_, i) => {
    const chunk = new Chunk();
    for (const entry of piece(A, (half * 100 + i) * 1_000, Array<string>(1_000).fill("x").join(" "))) chunk.push(entry);
    const { entries } = chunk;
    const counted = new Proxy(entries, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value === "function") return value.bind(target) as unknown;
        if (key !== "length") read += 1;
        return value;
      },
    });
    return Object.defineProperty(chunk, "entries", { value: counted });
  }));
  const page = new Chunk();
  const loaded = quiet.flatMap((stream) => piece(stream, 0, "head +"));
  for (const entry of loaded) page.push(entry);
  joinTraces([...(chunks[0] ?? []), page, ...(chunks[1] ?? [])], loaded, { continues, holds: () => false });
  assert.ok(read <= 4_000, `${read} entries were read for ${quiet.length} streams`);
});
