import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { TailcastError } from "tailcast-client";
import { asPhrase, literal, readingOf } from "../src/filter/reading.ts";
import { type Bare, nothingOf } from "../src/page/nothing.ts";
import { tokens } from "../src/filter/syntax.ts";
import { sendCommand } from "../src/streams/command.ts";
import { near } from "../src/streams/near.ts";

const LIVE: Bare = { state: { name: "live" }, filter: "", lines: 0, opened: true, loading: false, kept: 0, unlooked: 0, hadLines: false };
const ABSENT = { name: "ended", error: new TailcastError("stream_not_found", "") } as const;

const CASES: readonly (readonly [string, Partial<Bare>, ReturnType<typeof nothingOf>])[] = [
  ["a stream that never had a line is empty", {}, { kind: "empty", gone: false }],
  ["a stream whose lines are all gone is empty, and was not always", { hadLines: true }, { kind: "empty", gone: true }],
  ["a filter changes nothing about an empty stream", { filter: "x" }, { kind: "empty", gone: false }],
  ["until the first page is there, it is on its way", { opened: false, kept: 9, unlooked: 9 }, { kind: "loading", looked: 0 }],
  ["while lines are looked through, that is said", { filter: "x", loading: true, kept: 9, unlooked: 4 }, { kind: "loading", looked: 5 }],
  ["a filter that matches nothing says of how many", { filter: "x", kept: 1_204 }, { kind: "unmatched", looked: 1_204, left: 0 }],
  ["and how many are left", { filter: "x", kept: 1_204, unlooked: 4 }, { kind: "unmatched", looked: 1_200, left: 4 }],
  ["lines of streams that are hidden are no nothing", { lines: 7, kept: 7 }, { kind: "hidden", lines: 7 }],
  ["a stream that is not there is not there", { state: ABSENT }, { kind: "unknown" }],
  ["nothing is known while the server is away", { state: { name: "offline", until: new Date(), why: "" } }, undefined],
];

for (const [name, bare, wanted] of CASES) {
  test(name, () => assert.deepEqual(nothingOf({ ...LIVE, ...bare }), wanted));
}

test("a filter is told in words", () => {
  const told: Record<string, string | undefined> = {
    "level>=warn \"timed out\"": "the level is at least warn, and “timed out” is in the message or a field",
    "status>499 path:/cart*": "the field status is more than 499, and the field path begins with “/cart”",
    "-healthz (a OR user:ann)": "not: “healthz” is in the message or a field, and (“a” is in the message or a field, or the field user is “ann”)",
    "/a+/ trace_id:*": "the message matches /a+/, and the field trace_id is there",
    "ts>=2026-01-01T00:00:00Z": "the time is at least 2026-01-01T00:00:00Z",
    "a (": undefined,
    "a AND NOT user=ann":
      "“a” is in the message or a field, and not: (the field user is “ann” or “user=ann” is in the message or a field)",
  };
  for (const [filter, words] of Object.entries(told)) assert.equal(readingOf(filter), words);
});

test("the quoted form of a filter is offered where it means something else", () => {
  assert.deepEqual(["user=ann b", "x", "\"a b\"", "a b"].map(asPhrase), ["\"user=ann b\"", undefined, undefined, "\"a b\""]);
});

test("streams that may have been meant are near, and patterns like one that meets nothing", () => {
  const names = ["my/app", "my/api", "other/thing", "web/access"];
  assert.deepEqual(near("my/apq", names), ["my/api", "my/app"]);
  assert.deepEqual(near("My/ap", names), ["my/api", "my/app"]);
  assert.deepEqual(near("wbe/access", names), ["web/access"]);
  assert.deepEqual(near("mi/*", names), ["my/*"]);
  assert.deepEqual(near("nosuch/stream", names), []);
  assert.deepEqual(near("**", names), []);
});

test("whatever is pasted is offered as one phrase that means just that", () => {
  const pasted: string[] = JSON.parse(readFileSync(new URL("../../../tests/wire/pasted.json", import.meta.url), "utf8"));
  for (const text of pasted) {
    const [phrase, ...more] = tokens(literal(text) ?? "");
    assert.deepEqual([phrase?.kind, phrase?.text, phrase?.faulty, more], ["phrase", text.trim(), false, []], text);
  }
  assert.deepEqual([literal(" \n"), literal("ä".repeat(2_048))], [undefined, undefined], "no text, and more than a filter may be");
});

test("the command for a first line reaches the server that the page is of", () => {
  const table = [
    ["http://127.0.0.1:7440/#/stream/my/app", ""],
    ["http://127.0.0.1:7450/#/stream/my/app", " --url http://127.0.0.1:7450"],
    ["https://logs.example.org/tailcast/?a#/", " --url https://logs.example.org/tailcast"],
  ] as const;
  for (const [page, url] of table) assert.equal(sendCommand("my/app", page), `echo hello | tailcast send my/app${url}`);
});
