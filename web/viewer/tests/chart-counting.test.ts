import assert from "node:assert/strict";
import { test } from "node:test";
import { type CountsPage, type CountsQuery, TailcastError } from "tailcast-client";
import type { LineEntry } from "../src/buffer/entry.ts";
import { Counting } from "../src/chart/counting.ts";
import { Histogram } from "../src/chart/histogram.ts";
import { countingSaid, countingText, coverWords } from "../src/chart/words.ts";
import { API, counted, NOON, upToNoon, WEB } from "./counted.ts";

type Answer = (query: CountsQuery, asked: number) => CountsPage | Promise<CountsPage>;

/** Streams that are followed and not loaded, and what is told of counting them. */
function counting(logs: readonly LineEntry[][], filter = "") {
  const histogram = new Histogram();
  for (const log of logs) histogram.begins((log[0] as LineEntry).stream.name, 0, log.length);
  histogram.arrivedUntil(NOON);
  const waits: number[] = [];
  const states: string[] = [];
  const self: Counting = new Counting({ histogram, filter, onchange: () => void states.push(self.standing.state), wait: async (ms) => void waits.push(ms) });
  const asked: CountsQuery[] = [];
  const run = (answer: Answer = (query) => counted(logs.flat(), query)) =>
    self.start({
      counts: async (query) => {
        asked.push(query);
        return answer(query, asked.length);
      },
    });
  return { self, run, asked, waits, states, lines: () => Object.values(histogram.totals).reduce((a, b) => a + b, 0) };
}

const refusal = (code: string, status: number, retryAfterMs?: number) => new TailcastError(code, "refused", { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });

test("all is counted, with the filter, and it is told how far that is", async () => {
  const { self, run, asked, states, lines } = counting([upToNoon(API, 30_000, 100)], "level>=info");
  assert.deepEqual(self.standing, { state: "partly", share: 0 });
  await run();
  const ranges = asked.map(({ stream, from, to, filter }) => [stream, from, to, filter]);
  assert.deepEqual(ranges, [[API.name, 20_000, 30_000, "level>=info"], [API.name, 0, 20_000, "level>=info"]]);
  assert.deepEqual([lines(), self.standing], [30_000, { state: "whole", share: 1 }]);
  assert.deepEqual(states, ["counting", "counting", "counting", "whole"]);
});

test("it can be stopped, keeps what it has, and goes on from there", async () => {
  const { self, run, asked, lines } = counting([upToNoon(API, 30_000)]);
  await run((query, time) => {
    if (time === 2) self.stop();
    return counted(upToNoon(API, 30_000), query);
  });
  assert.deepEqual([lines(), self.standing.state, asked.length], [10_000, "partly", 2]);
  assert.ok(asked[1]?.signal?.aborted);
  await run();
  assert.deepEqual([lines(), self.standing.state], [30_000, "whole"]);
});

test("a server that is busy is asked again when it says so", async () => {
  const { run, waits, lines } = counting([upToNoon(API, 10)]);
  await run((query, asked) => {
    if (asked === 1) throw refusal("busy", 429, 2_500);
    if (asked < 4) throw refusal("unavailable", 503);
    return counted(upToNoon(API, 10), query);
  });
  assert.deepEqual([waits, lines()], [[2_500, 2_000, 4_000], 10]);
});

test("what is not answered in time is asked for in smaller pieces, also when it is tried again", async () => {
  const { run, asked, lines } = counting([upToNoon(API, 40_000, 100)]);
  const slow: Answer = (query) => {
    if ((query.to ?? 0) - (query.from ?? 0) > 4_000) throw refusal("away", 0);
    return counted(upToNoon(API, 40_000, 100), query);
  };
  const sizes = () => asked.splice(0).map(({ from = 0, to = 0 }) => to - from);
  await run((query, time) => (time <= 4 ? slow(query, time) : Promise.reject(refusal("bad_filter", 400))));
  assert.deepEqual([sizes(), lines()], [[10_000, 5_000, 2_500, 2_500, 2_500], 5_000]);
  await run(slow);
  assert.deepEqual([sizes(), lines()], [Array.from({ length: 14 }, () => 2_500), 40_000]);
});

test("something that stands before the server and does not wait for it is asked for less", async () => {
  const { run, asked } = counting([upToNoon(API, 10_000)]);
  await run((query, time) => {
    if (time === 1) throw refusal("unknown", 504);
    if (time === 2) throw refusal("unavailable", 503);
    return counted(upToNoon(API, 10_000), query);
  });
  assert.deepEqual(asked.map(({ from, to }) => [from, to]), [[0, 10_000], [5_000, 10_000], [5_000, 10_000], [0, 5_000]]);
});

test("it is given up after a while, and can be tried again", async () => {
  const { self, run, asked } = counting([upToNoon(API, 10)]);
  await run(() => Promise.reject(refusal("busy", 429)));
  assert.equal(asked.length, 6);
  assert.deepEqual(self.standing, { state: "failed", share: 0, error: "What is stored could not be counted: refused." });
  await run();
  assert.equal(self.standing.state, "whole");
});

test("what is refused for good is not asked again", async () => {
  const { self, run, asked } = counting([upToNoon(API, 10)]);
  await run(() => Promise.reject(refusal("bad_filter", 400)));
  assert.deepEqual([asked.length, self.standing.state], [1, "failed"]);
});

test("a server whose answers say nothing is not asked for ever", async () => {
  const { self, run, asked } = counting([upToNoon(API, 10)]);
  await run((query) => ({ ...counted([], query), next: 0 }));
  assert.equal(asked.length, 6);
  assert.equal(self.standing.error, "The server does not get on with counting payments/api.");
});

test("a stream that is gone is left out, and the others are counted", async () => {
  const logs = [upToNoon(API, 10), upToNoon(WEB, 20)];
  const { self, run, asked, lines } = counting(logs);
  await run((query) => {
    if (query.stream === API.name) throw refusal("stream_not_found", 404);
    return counted(logs.flat(), query);
  });
  assert.deepEqual([lines(), self.standing, asked.length], [20, { state: "whole", share: 1, lost: 1 }, 2]);
});

test("a stream that was left out can be counted by another reader, or in another store", async () => {
  const logs = [upToNoon(API, 10), upToNoon(WEB, 20)];
  const { self, run, states, lines } = counting(logs);
  await run((query) => {
    if (query.stream === API.name) throw refusal("stream_not_found", 404);
    return counted(logs.flat(), query);
  });
  self.renewed();
  assert.deepEqual([states.at(-1), self.standing.lost], ["partly", undefined]);
  await run();
  assert.deepEqual([lines(), self.standing], [30, { state: "whole", share: 1 }]);
});

test("counting ends when another reader comes", async () => {
  const { self, run, asked } = counting([upToNoon(API, 10)]);
  const over = run((query) => {
    self.renewed();
    return counted(upToNoon(API, 10), query);
  });
  await over;
  assert.deepEqual([asked.length, asked[0]?.signal?.aborted, self.standing], [1, true, { state: "partly", share: 0 }]);
});

test("streams that are gone take nothing of the patience with a server that is busy", async () => {
  const logs = Array.from({ length: 8 }, (_, i) => upToNoon({ name: `payments/${i}`, colour: 0 }, 10));
  const { self, run, lines } = counting(logs);
  let busy = 5;
  await run((query) => {
    if (query.stream !== "payments/7") throw refusal("stream_not_found", 404);
    if (busy-- > 0) throw refusal("busy", 429);
    return counted(logs.flat(), query);
  });
  assert.deepEqual([lines(), self.standing.state], [10, "whole"]);
});

test("an answer that comes after the end does not count", async () => {
  const { self, run, lines } = counting([upToNoon(API, 10)]);
  let come = (): void => {};
  const over = run((query) => new Promise((done) => (come = () => done(counted(upToNoon(API, 10), query)))));
  self.stop();
  come();
  await over;
  assert.deepEqual([lines(), self.standing.state], [0, "partly"]);
});

test("how far it is, in words", () => {
  const standing = { state: "counting", share: 0.409, since: NOON } as const;
  assert.deepEqual(countingText(standing, "utc", NOON), { long: "counted back to 12:00, 40%", short: "40%" });
  assert.deepEqual(countingText({ state: "counting", share: 0.999 }, "utc", NOON), { long: "counting, 99%", short: "99%" });
  assert.equal(countingSaid({ state: "whole", share: 1 }), "All that is stored is counted.");
  assert.equal(coverWords({ state: "whole", share: 1 }), "Lines by level, of all that is stored");
  const without = { state: "whole", share: 1, lost: 2 } as const;
  assert.equal(countingSaid(without), "All that you may read is counted. 2 streams are left out.");
  assert.equal(countingSaid({ ...without, lost: 1 }), "All that you may read is counted. 1 stream is left out.");
  assert.equal(coverWords(without), "Lines by level, of all that you may read");
  assert.equal(coverWords({ state: "partly", share: 0.5 }), "Lines by level, of what is counted so far");
});
