// Reading what is kept, from a server that says no, is slow, or is none.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Reads } from "../dist/reads.js";
import { Tokens } from "../dist/tokens.js";

let http, base, answer;

before(async () => {
  http = createServer((request, response) => answer(request, response));
  await once(http.listen(0, "127.0.0.1"), "listening");
  base = new URL(`http://127.0.0.1:${http.address().port}/`);
});
after(() => {
  http.closeAllConnections();
  http.close();
});

const reads = (token = "t") => new Reads(base, new Tokens(token));
const says = (status, body, headers = {}) => (_, response) => response.writeHead(status, headers).end(body);
const thrownBy = (promise) => promise.then(() => assert.fail("it was answered"), (error) => error);

test("a page says where it begins and where to go on", async () => {
  const asked = [];
  answer = (request, response) => {
    asked.push(request.url);
    response.end(`{"stream":"a/b","first_available":3,"from":7,"next":9,"lines":[{"offset":7},{"offset":8}]}`);
  };
  const page = await reads().lines("a/b", { to: 9, last: 2, since: new Date(0) }, {});
  assert.deepEqual(page, { stream: "a/b", firstAvailable: 3, from: 7, next: 9, lines: [{ offset: 7 }, { offset: 8 }] });
  assert.deepEqual(asked, ["/v1/lines?stream=a%2Fb&to=9&last=2&since=1970-01-01T00%3A00%3A00.000Z"]);
});

test("a page says which lines of it are damaged", async () => {
  answer = says(200, `{"first_available":0,"from":0,"next":6,"lines":[{"offset":5}],"damaged":[{"from":2,"to":5,"later":1}]}`);
  const { damaged } = await reads().lines("a", {}, {});
  assert.deepEqual(damaged, [{ from: 2, to: 5 }]);
  answer = says(200, `{"first_available":0,"from":0,"next":6,"lines":[],"damaged":[{"from":2}]}`);
  assert.equal((await thrownBy(reads().lines("a", {}, {}))).code, "bad_answer");
});

test("counts are asked for as lines are, and come as the server says them", async () => {
  const buckets = [
    { at: "1969-12-31T23:00:00Z", lines: 1, levels: {} },
    { at: "2026-11-21T14:00:00Z", lines: 12, levels: { info: 10, error: 1 } },
  ];
  const asked = [];
  answer = (request, response) => {
    asked.push(request.url);
    response.end(JSON.stringify({ stream: "a/b", from: 7, next: 20, first_available: 3, width: 3600, buckets }));
  };
  const question = { stream: "a/b", from: 4, to: 20, since: new Date(0), until: "2027-01-01T00:00:00Z", filter: "x y", width: 3600 };
  const counts = await reads().counts({ ...question, signal: new AbortController().signal });
  assert.deepEqual(counts, { stream: "a/b", firstAvailable: 3, from: 7, next: 20, width: 3600, buckets });
  await reads().counts({ stream: "a/b", filter: undefined });
  assert.deepEqual(asked, [
    "/v1/counts?stream=a%2Fb&from=4&to=20&since=1970-01-01T00%3A00%3A00.000Z&until=2027-01-01T00%3A00%3A00Z&filter=x+y&width=3600",
    "/v1/counts?stream=a%2Fb",
  ]);
});

test("counts that cannot be added up are none", async () => {
  const sound = { at: "2026-11-21T14:00:00Z", lines: 1, levels: { info: 1 } };
  const strange = [
    ...["first_available", "from", "next", "width", "buckets"].map((missing) => ({ [missing]: undefined })),
    ...[null, { ...sound, at: 5 }, { ...sound, lines: "1" }, { ...sound, levels: null }, { ...sound, levels: { info: -1 } }].map(
      (bucket) => ({ buckets: [sound, bucket] }),
    ),
  ];
  for (const wrong of strange) {
    const body = JSON.stringify({ stream: "a", first_available: 0, from: 0, next: 1, width: 60, buckets: [sound], ...wrong });
    answer = says(200, body);
    const { code, details } = await thrownBy(reads().counts({ stream: "a" }));
    assert.deepEqual([code, details], ["bad_answer", { status: 200 }], body);
  }
});

test("counts are refused, and given up, as lines are", async () => {
  answer = says(404, `{"code":"stream_not_found","detail":"there is no stream a"}`);
  const { code, details } = await thrownBy(reads().counts({ stream: "a" }));
  assert.deepEqual([code, details], ["stream_not_found", { status: 404 }]);
  answer = () => assert.fail("it was asked");
  const left = AbortSignal.abort(new Error("the reader left"));
  await assert.rejects(reads().counts({ stream: "a", signal: left }), new Error("the reader left"));
});

test("an answer without a place is none", async () => {
  for (const missing of ["first_available", "from", "next", "lines"]) {
    const body = { stream: "a", first_available: 0, from: 0, next: 0, lines: [], [missing]: undefined };
    answer = says(200, JSON.stringify(body));
    const { code, details } = await thrownBy(reads().lines("a", {}, {}));
    assert.deepEqual([code, details], ["bad_answer", { status: 200 }], missing);
  }
});

test("a refusal says when to ask again, if the server does", async () => {
  const busy = `{"code":"busy","detail":"the node sends as much history as it can"}`;
  const soon = new Date(Date.now() + 3_600_000).toUTCString();
  const cases = [
    [429, busy, { "Retry-After": "2" }, "busy", 2_000],
    [503, `{"code":"unavailable"}`, { "Retry-After": "0" }, "unavailable", 0],
    [503, "<h1>Service Unavailable</h1>", { "Retry-After": "30" }, "bad_answer", 30_000],
    [503, busy, { "Retry-After": "Sat, 01 Jan 2000 00:00:00 GMT" }, "busy", 0],
    [503, busy, { "Retry-After": "after lunch" }, "busy", undefined],
    [503, busy, {}, "busy", undefined],
  ];
  for (const [status, body, headers, code, retryAfterMs] of cases) {
    answer = says(status, body, headers);
    const error = await thrownBy(reads().lines("a", {}, {}));
    const details = retryAfterMs === undefined ? { status } : { status, retryAfterMs };
    assert.deepEqual([error.code, error.details], [code, details], JSON.stringify(headers));
  }
  answer = says(503, busy, { "Retry-After": soon });
  const { retryAfterMs } = (await thrownBy(reads().streams(undefined, {}))).details;
  assert.ok(retryAfterMs > 3_500_000 && retryAfterMs <= 3_600_000, `${retryAfterMs}`);
});

test("an aborted read ends with the page's reason, and the server sees it go", async () => {
  const begun = { headers: (response) => response.flushHeaders(), nothing: () => {} };
  for (const [name, begin] of Object.entries(begun)) {
    const leaving = new AbortController();
    const gone = new Promise((resolve) => {
      answer = (_, response) => {
        begin(response);
        response.on("close", resolve);
        leaving.abort(new Error("the reader left"));
      };
    });
    await assert.rejects(reads().lines("a", {}, { signal: leaving.signal }), new Error("the reader left"), name);
    await gone;
  }
});

test("a read is given up while its token is awaited, too, and the token is kept for the next one", async () => {
  answer = (request, response) => response.end(`{"streams":[{"name":"${request.headers.authorization}","next":1}]}`);
  let give;
  const read = reads(() => new Promise((resolve) => (give = resolve)));
  const leaving = new AbortController();
  const given = read.streams("**", { signal: leaving.signal });
  leaving.abort();
  await assert.rejects(given, { name: "AbortError" });
  await assert.rejects(read.streams("**", { signal: leaving.signal }), { name: "AbortError" });
  const next = read.streams("**", { signal: new AbortController().signal });
  give("late");
  assert.equal((await next)[0].name, "Bearer late");
});

test("a server that is not there is away", async () => {
  answer = (request) => request.socket.destroy();
  const { code, details } = await thrownBy(reads().streams(undefined, { signal: new AbortController().signal }));
  assert.deepEqual([code, details], ["away", { status: 0 }]);
});
