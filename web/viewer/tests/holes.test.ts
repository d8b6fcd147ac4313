import assert from "node:assert/strict";
import { test } from "node:test";
import { cut, load } from "../src/follow/holes.ts";
import { merged } from "../src/follow/merge.ts";
import { A, B, hole, line, lines, store, told } from "./samples.ts";

const never = () => false;

test("lines of several streams stand by their times, and each stream's in its own order", () => {
  const back = [line(A, 0, 10), line(A, 1, 3), line(A, 2, 11)];
  assert.equal(told(merged([back, [line(B, 0, 4), line(B, 1, 12)]])), "b0 a0 a1 a2 b1");
  assert.equal(told(merged([])), "");
});

test("a hole is loaded from its end a page at a time, until the first line that is kept", async () => {
  const kept = lines(A, 0, 100);
  let entries = await load(store(kept), { hole: hole([[A, 0, 100]]), side: "end", filter: "", lines: 40 }, never);
  assert.equal(told(entries.slice(0, 2)), "[a0-59] a60");
  const [rest] = entries;
  assert.ok(rest?.kind === "hole");
  entries = await load(store(kept), { hole: rest, side: "end", filter: "", lines: 60 }, never);
  assert.equal(told(entries.slice(0, 2)), "a0 a1");
  assert.equal(entries.length, 60);
});

test("a hole is loaded from its start, too", async () => {
  const entries = await load(store(lines(A, 0, 100)), { hole: hole([[A, 10, 100]], "trimmed"), side: "start", filter: "", lines: 30 }, never);
  assert.equal(told([entries[0]!, entries[29]!, entries[30]!]), "a10 a39 [a40-99]");
});

test("no line stands beside a hole while one that belongs between is still in it", async () => {
  // `b` is quiet: its last 20 lines reach far back. `a` is busy: its last 20 do not.
  const kept = [...Array.from({ length: 100 }, (_, i) => line(A, i, 1_000 + i)), ...Array.from({ length: 30 }, (_, i) => line(B, i, i * 40))];
  const whole = merged([kept.slice(0, 100), kept.slice(100)]);
  let wanted = hole([[A, 0, 100], [B, 0, 30]]);
  const pages: string[] = [];
  for (let i = 0; i < 20; i++) {
    const entries = await load(store(kept), { hole: wanted, side: "end", filter: "", lines: 40 }, never);
    const [rest] = entries;
    pages.unshift(told(entries.filter((entry) => entry.kind === "line")));
    if (rest?.kind !== "hole") break;
    wanted = rest;
  }
  assert.equal(pages.filter(Boolean).join(" "), told(whole));
});

test("the same holds from the start of a hole", async () => {
  const kept = [...Array.from({ length: 100 }, (_, i) => line(A, i, i)), ...Array.from({ length: 30 }, (_, i) => line(B, i, i * 40))];
  let wanted = hole([[A, 0, 100], [B, 0, 30]], "between");
  const pages: string[] = [];
  for (let i = 0; i < 20; i++) {
    const entries = await load(store(kept), { hole: wanted, side: "start", filter: "", lines: 40 }, never);
    pages.push(told(entries.filter((entry) => entry.kind === "line")));
    const rest = entries.at(-1);
    if (rest?.kind !== "hole") break;
    wanted = rest;
  }
  assert.equal(pages.filter(Boolean).join(" "), told(merged([kept.slice(0, 100), kept.slice(100)])));
});

test("what retention removed since is named, and what was gone before the page was opened is not", async () => {
  const kept = lines(A, 50, 100);
  const from = { firstAvailable: 50 };
  const trimmed = await load(store(kept, from), { hole: hole([[A, 0, 60]], "trimmed"), side: "end", filter: "" }, never);
  assert.equal(told(trimmed.slice(0, 2)), "!a0-49 a50");
  const earlier = await load(store(kept, from), { hole: hole([[A, 0, 60]]), side: "end", filter: "" }, never);
  assert.equal(told(earlier.slice(0, 1)), "a50");
});

test("a stack trace that came line by line is one trace when it is loaded", async () => {
  const kept = [line(A, 0, 0, "failed"), line(A, 1, 1, "\tat x"), line(A, 2, 2, "\tat y"), line(A, 3, 3, "next")];
  const entries = await load(store(kept), { hole: hole([[A, 0, 4]]), side: "end", filter: "" }, (message) => message.startsWith("\tat"));
  const heads = entries.map((entry) => (entry.kind === "line" ? entry.trace?.head.line.offset : "?"));
  assert.deepEqual(heads, [0, 0, 0, undefined]);
  const [head] = entries;
  assert.ok(head?.kind === "line");
  assert.equal(head.trace?.lines, 2);
});

test("a hole is cut at an offset of each stream", () => {
  const at = new Map([[A, 40], [B, 0]]);
  const [before, after] = cut(hole([[A, 0, 100], [B, 0, 30]]), at);
  assert.equal(`${told(before)} ${told(after)}`, "[a0-39] [a40-99 b0-29]");
});
