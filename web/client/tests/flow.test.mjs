// What keeps a client's memory, and its haste, within bounds; and how it notices that nobody is there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Flow } from "../dist/flow.js";
import { OutboundRate } from "../dist/outbound.js";
import { Watch } from "../dist/watch.js";

const KIB = 1024;

test("the server is asked to pause when much waits, and to go on when little does", () => {
  const flow = new Flow(100 * KIB);
  const steps = [0, 100, 101, 90, 26, 25, 25, 101].map((kib) => flow.next(kib * KIB, false));
  assert.deepEqual(steps, ["subscribe", "nothing", "pause", "nothing", "nothing", "resume", "nothing", "pause"]);
});

test("what comes in spite of a pause is let go of, and taken up when the consumer is through", () => {
  const flow = new Flow(100 * KIB);
  flow.next(0, false);
  assert.deepEqual([101, 400, 401, 401].map((kib) => flow.next(kib * KIB, false)), ["pause", "nothing", "leave", "nothing"]);
  assert.ok(flow.out);
  assert.equal(flow.next(0, true), "nothing", "the server has not confirmed yet that it is left");
  assert.equal(flow.next(26 * KIB, false), "nothing");
  assert.equal(flow.next(25 * KIB, false), "subscribe");
});

test("a pause that the consumer asked for holds however little waits", () => {
  const flow = new Flow();
  flow.next(0, false);
  flow.want(true);
  assert.deepEqual([flow.next(0, false), flow.next(0, false)], ["pause", "nothing"]);
  flow.reset();
  assert.equal(flow.next(0, false), "subscribe");
  assert.ok(flow.paused, "a new connection pauses as well");
  flow.want(false);
  assert.equal(flow.next(0, false), "resume");
});

test("requests are sent as fast as the server allows and no faster", () => {
  const rate = new OutboundRate(20, 0);
  let sent = 0;
  for (let now = 0; now < 10_000; now += 1) {
    while (rate.take(now) === 0) sent += 1;
  }
  assert.ok(sent > 180 && sent <= 240, `${sent} in ten seconds`);
  const wait = rate.take(9_999);
  assert.ok(wait > 0);
  assert.equal(rate.take(9_999 + wait), 0);
});

test("silence is no fault while nothing is awaited and no sign can be asked for", () => {
  const watch = new Watch(0);
  assert.equal(watch.verdict(1e9, false), "fine");
});

test("a sign of life is asked for after a heartbeat of silence, and the other end is dead without one", () => {
  const watch = new Watch(0);
  watch.canAsk(25_000);
  assert.equal(watch.verdict(24_999, false), "fine");
  watch.heard(10_000);
  assert.equal(watch.verdict(34_999, false), "fine");
  assert.equal(watch.verdict(35_000, false), "ask");
  watch.asked("ping:ping", 35_000);
  assert.equal(watch.verdict(50_000, false), "fine");
  assert.equal(watch.verdict(50_001, false), "dead");
  watch.heard(49_000);
  watch.answered("ping:ping");
  assert.equal(watch.verdict(50_001, false), "fine");
});

test("who sends lines but never the answer is dead, too", () => {
  const watch = new Watch(0);
  watch.asked("subscribe:1", 0);
  for (let now = 0; now <= 60_000; now += 1_000) {
    watch.heard(now);
    assert.equal(watch.verdict(now), "fine");
  }
  assert.equal(watch.verdict(60_001, false), "dead");
  watch.refused("1");
  assert.equal(watch.verdict(60_001, false), "fine");
});

test("while somebody looks, a sign is asked for sooner", () => {
  const watch = new Watch(0);
  watch.canAsk(25_000);
  assert.deepEqual([4_999, 5_000].map((now) => watch.verdict(now, true)), ["fine", "ask"]);
  watch.canAsk(3_000);
  assert.equal(watch.verdict(3_000, true), "ask", "and never later than the server wants");
});

test("a sign of life is overdue when it was asked for and did not come, and when nobody could ask for too long", () => {
  const watch = new Watch(0);
  assert.equal(watch.isOverdue(1e9, true), false, "nothing is awaited of a server that cannot be asked");
  watch.canAsk(25_000);
  assert.deepEqual([7_000, 7_001].map((now) => watch.isOverdue(now, true)), [false, true]);
  assert.deepEqual([27_000, 27_001].map((now) => watch.isOverdue(now, false)), [false, true]);
  watch.heard(30_000);
  watch.asked("ping:ping", 30_500);
  assert.deepEqual([32_500, 32_501].map((now) => watch.isOverdue(now, false)), [false, true]);
  watch.heard(32_600);
  assert.equal(watch.isOverdue(32_601, false), false, "whatever is heard is a sign");
});
