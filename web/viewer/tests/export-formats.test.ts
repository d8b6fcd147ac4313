import assert from "node:assert/strict";
import { test } from "node:test";
import { WholeNumber, type Line } from "tailcast-client";
import { copyText } from "../src/export/copy.ts";
import { fileName, formatted } from "../src/export/format.ts";
import type { StreamLine } from "../src/export/line.ts";

function lineOf(message: string, more: Partial<Line> = {}): StreamLine {
  const { level, ...rest } = more;
  return { stream: "payments/api", line: { offset: 17, ts: "2026-11-21T10:00:00.000000001Z", ...(level ? { level } : {}), message, ...rest } };
}

const PAID = lineOf("paid", { level: "info", fields: { order: new WholeNumber("12345678901234567890"), user: { name: "Ann L" }, tags: ["a", 1] } });

test("text has the time, level, stream, message and fields of a line", () => {
  assert.equal(
    formatted([PAID, lineOf("no level")], "text"),
    '2026-11-21T10:00:00.000000001Z info payments/api paid order=12345678901234567890 user.name="Ann L" tags=["a",1]\n' +
      "2026-11-21T10:00:00.000000001Z - payments/api no level\n",
  );
});

const SEEN: Record<string, [string, string]> = {
  "colours are left out": ["\u001b[1;31mred\u001b[0m", "red"],
  "what moves the cursor is escaped": ["a\u001b[2Jb\u0007", "a\\u001b[2Jb\\u0007"],
  "C1 and bidirectional characters are escaped": ["a\u009b2J\u202e", "a\\u009b2J\\u202e"],
  "tags are escaped": ["a\u{e0041}", "a\\u{e0041}"],
  "a tab is a tab": ["a\tb", "a\tb"],
  "no line of a message passes for another line": ["a\r\n2026-11-21T10:00:00Z error x/y b\nc", "a\n    2026-11-21T10:00:00Z error x/y b\n    c"],
};

for (const [what, [message, text]] of Object.entries(SEEN)) {
  test(`in text, ${what}`, () => {
    assert.equal(formatted([lineOf(message)], "text"), `2026-11-21T10:00:00.000000001Z - payments/api ${text}\n`);
  });
}

test("NDJSON is what is stored, with its offset and stream before it", () => {
  assert.equal(
    formatted([PAID, lineOf("\u001b\n")], "ndjson"),
    '{"offset":17,"stream":"payments/api","ts":"2026-11-21T10:00:00.000000001Z","level":"info","message":"paid",' +
      '"fields":{"order":12345678901234567890,"user":{"name":"Ann L"},"tags":["a",1]}}\n' +
      '{"offset":17,"stream":"payments/api","ts":"2026-11-21T10:00:00.000000001Z","message":"\\u001b\\n"}\n',
  );
});

test("CSV has the fields as JSON, or the view's columns", () => {
  const start = "2026-11-21T10:00:00.000000001Z,payments/api,17,info,paid";
  assert.equal(
    formatted([PAID], "csv"),
    `\ufefftime,stream,offset,level,message,fields\r\n${start},"{""order"":12345678901234567890,""user"":{""name"":""Ann L""},""tags"":[""a"",1]}"\r\n`,
  );
  assert.equal(
    formatted([PAID, lineOf("x")], "csv", ["user.name", "order", "=evil"]),
    `\ufefftime,stream,offset,level,message,user.name,order,"'=evil"\r\n${start},Ann L,12345678901234567890,\r\n` +
      "2026-11-21T10:00:00.000000001Z,payments/api,17,,x,,,\r\n",
  );
});

const CELLS: Record<string, [string, string]> = {
  "a plain text": ["all is well", "all is well"],
  "a comma": ["a,b", '"a,b"'],
  "a quote": ['say "hi"', '"say ""hi"""'],
  "line feeds": ["a\r\nb", '"a\r\nb"'],
  "a formula": ["=1+1", `"'=1+1"`],
  "a plus": ["+1+1", `"'+1+1"`],
  "a minus": ["-2+3+cmd|' /C calc'!A0", `"'-2+3+cmd|' /C calc'!A0"`],
  "an at sign": ["@SUM(A1)", `"'@SUM(A1)"`],
  "a tab": ["\tx", `"'\tx"`],
  "a carriage return": ["\rx", `"'\rx"`],
  "a formula behind spaces": [" \u00a0 =1", `"' \u00a0 =1"`],
  "a formula behind what is not seen": ["\u200b\u0000=1", `"'\u200b\u0000=1"`],
  "a formula in the full width": ["\uff1d1+1", `"'\uff1d1+1"`],
  "a formula for those who split at semicolons": ["a;=1", `"a;'=1"`],
  "a formula on a line of its own": ['a\n "=1', `"a\n' ""=1"`],
  "a negative number": ["-12.5e-3", "-12.5e-3"],
  "a number with a plus": ["+5", `"'+5"`],
  "a phone's number": ["-1-2", `"'-1-2"`],
  "an equals sign within": ["a=1", "a=1"],
};

for (const [what, [message, cell]] of Object.entries(CELLS)) {
  test(`a CSV cell with ${what} is harmless and correct`, () => {
    const [, row = ""] = formatted([lineOf(message)], "csv").split(/(?<=message,fields\r\n)/);
    assert.equal(row, `2026-11-21T10:00:00.000000001Z,payments/api,17,,${cell},\r\n`);
  });
}

const NAMES: [string[], string][] = [
  [["payments/api"], "payments-api_2026-11-21T10-12-03.ndjson"],
  [["payments/**", "web", "x"], "payments-all-and-2-more_2026-11-21T10-12-03.ndjson"],
  [["@me"], "me_2026-11-21T10-12-03.ndjson"],
  [["../.."], "lines_2026-11-21T10-12-03.ndjson"],
  [[], "lines_2026-11-21T10-12-03.ndjson"],
];

for (const [streams, name] of NAMES) {
  test(`a file of ${streams.join(", ") || "no stream"} is called ${name}`, () => {
    assert.equal(fileName(streams, "ndjson", new Date("2026-11-21T10:12:03.456Z")), name);
  });
}

/** As much of a page as copying touches. */
function pageWith(clipboard: { writeText: (text: string) => Promise<void> } | undefined, allows: boolean) {
  const copied: string[] = [];
  const left = new Set<object>();
  const page = {
    defaultView: { navigator: { clipboard } },
    activeElement: null,
    body: { append: (area: object) => left.add(area) },
    createElement: () => {
      const area = { value: "", setAttribute() {}, style: { setProperty() {} }, select: () => copied.push(area.value), remove: () => left.delete(area) };
      return area;
    },
    execCommand: () => allows,
  };
  return { page: page as unknown as Document, copied, left };
}

Object.assign(globalThis, { HTMLElement: class {} });

test("text is copied by the clipboard where there is one", async () => {
  const written: string[] = [];
  const { page, copied } = pageWith({ writeText: async (text) => void written.push(text) }, true);
  assert.equal(await copyText("line", page), true);
  assert.deepEqual([written, copied], [["line"], []]);
});

test("text is copied the old way where there is none, or it refuses, and nothing is left in the page", async () => {
  for (const clipboard of [undefined, { writeText: () => Promise.reject(new Error("denied")) }]) {
    const { page, copied, left } = pageWith(clipboard, true);
    assert.equal(await copyText("line", page), true);
    assert.deepEqual([copied, left.size], [["line"], 0]);
  }
  assert.equal(await copyText("line", pageWith(undefined, false).page), false);
});
