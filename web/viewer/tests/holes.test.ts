import assert from "node:assert/strict";
import { test } from "node:test";
import { type Store, cut, load } from "../src/follow/holes.ts";
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

test("lines that are damaged stand where they would, from either end of a hole", async () => {
  const kept = lines(A, 0, 10);
  const damage = [{ from: 2, to: 5 }, { from: 9, to: 10 }];
  for (const side of ["end", "start"] as const) {
    const entries = await load(store(kept, { damage }), { hole: hole([[A, 0, 10]]), side, filter: "" }, never);
    assert.equal(told(entries), "a0 a1 !a2-4 a5 a6 a7 a8 !a9-9", side);
  }
});

test("of lines that are damaged only those are told that were asked for", async () => {
  const wanted = hole([[A, 4, 8]], "between");
  const entries = await load(store(lines(A, 0, 10), { damage: [{ from: 2, to: 5 }, { from: 7, to: 20 }] }), { hole: wanted, side: "end", filter: "" }, never);
  assert.equal(told(entries), "!a4-4 a5 a6 !a7-7");
});

test("damage of one stream stands among the lines of others at its own lines' time", async () => {
  const kept = [...lines(A, 0, 6), ...Array.from({ length: 6 }, (_, i) => line(B, i, i + 0.5))];
  const onlyA = { lines: store(kept, { damage: [{ from: 2, to: 4 }] }).lines };
  const both: typeof onlyA = { lines: (name, range) => (name === "a" ? onlyA.lines(name, range) : store(kept).lines(name, range)) };
  const entries = await load(both, { hole: hole([[A, 0, 6], [B, 0, 6]]), side: "end", filter: "" }, never);
  assert.equal(told(entries), "a0 b0 a1 !a2-3 b1 b2 b3 a4 b4 a5 b5");
});

test("a page of nothing but damage is shown beside what is known, and keeps back no other stream", async () => {
  const kept = [...lines(A, 0, 40), ...lines(B, 0, 3)];
  const damaged = { from: 20, to: 40 };
  const one: Store = {
    lines: async (name, range = {}) => {
      if (name === "b") return store(kept).lines(name, range);
      // The server ends an answer early: it has seen the damage, and no line before it.
      const [from, to] = range.last === undefined ? [range.from ?? 0, damaged.to] : [damaged.from, range.to ?? 40];
      return { stream: name, firstAvailable: 0, from, next: to, lines: [], damaged: [damaged] };
    },
  };
  const wanted = hole([[A, 0, 40], [B, 0, 3]]);
  const entries = await load(one, { hole: wanted, side: "end", filter: "" }, never);
  assert.equal(told(entries), "[a0-19] b0 b1 b2 !a20-39");
  const rest = hole([[A, 20, 60], [B, 0, 3]], "between");
  const onward = await load(one, { hole: rest, side: "start", filter: "" }, never);
  assert.equal(told(onward), "!a20-39 b0 b1 b2 [a40-59]");
});

test("a stack trace does not go on over damage", async () => {
  const kept = [line(A, 0, 0, "failed"), line(A, 1, 1, "\tat x"), line(A, 2, 2, "\tat y"), line(A, 3, 3, "\tat z")];
  const damage = [{ from: 2, to: 3 }];
  const goesOn = (message: string) => message.startsWith("\tat");
  const entries = await load(store(kept, { damage }), { hole: hole([[A, 0, 4]]), side: "end", filter: "" }, goesOn);
  const heads = entries.map((entry) => (entry.kind === "line" ? entry.trace?.head.line.offset : "gap"));
  assert.deepEqual(heads, [0, 0, "gap", undefined]);
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
