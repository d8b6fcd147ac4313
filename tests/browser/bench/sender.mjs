// Sends lines at a set rate: node sender.mjs, with what to send as JSON in its argument. A process of its own, so that it
// neither waits for the browser's answers nor holds them up. Ends with its parent, and after `most` lines in any case.
//
// Every line is about 250 bytes with its fields, or as many as `bytes` says, and its message begins with its number: `line 0`,
// `line 1`, …

import { Agent, request } from "node:http";

/** Between two looks at the clock. */
const TICK_MS = 10;
/** Of one request, where there are so many: a request for each line would measure requests. */
const LEAST_LINES = 25;
const LEVELS = ["info", "debug", "info", "warn", "info", "error", "info", "trace"];

const { url, token, streams, rate, most, from = 0, bytes = 0, together = 2_000 } = JSON.parse(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const began = performance.now();
let next = from;
let turn = 0;
/**
 * Streams whose last request is not answered: one after the other, or lines would change places. What the server does not take
 * in time waits here, and is sent late.
 */
const busy = new Set();

function line(number) {
  const ms = (number * 7) % 997;
  const message = `line ${number} GET /cart/${number % 9973}/items 200 in ${ms} ms for session ${(number * 7919) % 1_000_003}`.padEnd(bytes, " and so on");
  const fields = { status: 200, path: `/cart/${number % 9973}/items`, ms, host: `web-${number % 12}`, region: "eu-central", attempt: 1, cached: number % 3 === 0 };
  return JSON.stringify({ ts: new Date().toISOString(), level: LEVELS[number % LEVELS.length], message, fields });
}

/** Resolves once the lines are stored. */
function send(stream, body) {
  return new Promise((resolve, reject) => {
    const target = new URL(`v1/lines?stream=${encodeURIComponent(stream)}`, url);
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/x-ndjson", "Content-Length": Buffer.byteLength(body) };
    const sent = request(target, { method: "POST", agent, headers }, (answer) => {
      answer.resume().on("end", () => (answer.statusCode < 300 ? resolve() : reject(new Error(`the server took no lines: ${answer.statusCode}`))));
    });
    sent.on("error", reject).end(body);
  });
}

function tick() {
  const due = Math.min(most, from + Math.floor(((performance.now() - began) / 1000) * rate));
  for (let looked = 0; looked < streams.length && next < due; looked += 1) {
    const stream = streams[turn++ % streams.length];
    if (busy.has(stream)) continue;
    const lines = Math.min(together, due - next, Math.max(LEAST_LINES, Math.ceil((due - next) / streams.length)));
    const body = Array.from({ length: lines }, (_, i) => line(next + i)).join("\n");
    next += lines;
    busy.add(stream);
    send(stream, body).then(
      () => {
        busy.delete(stream);
        if (next === most && busy.size === 0) finish();
        else if (!stopped) tick();
      },
      (error) => {
        console.error(error.message);
        process.exit(1);
      },
    );
  }
}

function finish() {
  process.send?.({ sent: next, perSecond: (next - from) / ((performance.now() - began) / 1000) });
  process.disconnect?.();
  process.exit(0);
}

let stopped = false;
const clock = setInterval(tick, TICK_MS);
process.on("message", () => {
  stopped = true;
  clearInterval(clock);
  const wait = setInterval(() => busy.size === 0 && (clearInterval(wait), finish()), 5);
});
process.on("disconnect", () => process.exit(0));
