// Live means live, and what the page says of its own completeness is so.

import assert from "node:assert/strict";
import { after } from "node:test";
import { story } from "../browser.mjs";
import { Fake } from "../fake.mjs";
import { startProxy } from "../proxy.mjs";
import { fresh, names, setStage } from "../stage.mjs";

const stage = setStage();
const open = [];

after(() => Promise.all(open.map((one) => one.close())));

const proofOf = (viewer) => viewer.page.getByRole("button", { name: /^(Complete so far|Not complete)/ });
/** Without when the server answered last. */
const saysOf = async (viewer) => (await proofOf(viewer).textContent()).replace(/\s+/g, " ").replace(/ (answered .*|no answer yet) ?$/, "").trim();

/** The words of the state at each change, with the time (ms of the page). */
function watchState(viewer) {
  return viewer.run(() => {
    window.states = [];
    const note = () => {
      const words = document.getElementById("state").textContent;
      if (window.states.at(-1)?.words !== words) window.states.push({ words, at: performance.now() });
    };
    new MutationObserver(note).observe(document.querySelector(".status"), { subtree: true, childList: true, characterData: true });
    note();
  });
}

story("a proxy that swallows everything and keeps its sockets open is not called live", async () => {
  const stream = fresh();
  await stage.send(stream, names(0, 20));
  const proxy = await startProxy(stage.server.url);
  open.push(proxy);
  const viewer = await stage.follow(stream, "", { url: proxy.url, token: stage.server.token });
  await viewer.waitForMessage("line 19");
  await stage.send(stream, names(20, 25));
  await viewer.waitForMessage("line 24");
  await watchState(viewer);
  proxy.swallow();
  await stage.send(stream, names(25, 40));
  await viewer.waitForState(/^no answer for \d+ s$/);
  await viewer.page.locator(".detail").getByText("What it has acknowledged is not lost").waitFor();
  await viewer.waitForState(/^offline/);
  await viewer.page.locator(".streams.old").waitFor();
  await viewer.until(() => saysOf(viewer), "Complete so far: 5 since opened missing 0 repeated 0");
  const states = await viewer.run(() => window.states);
  // Nothing is heard for 5 s, the server is asked, and 2 s later it is said that it does not answer.
  const silent = states.find(({ words }) => words.startsWith("no answer"));
  assert.ok(Number(/\d+/.exec(silent.words)[0]) <= 10, silent.words);
  assert.ok(states.slice(1).every(({ words }) => words !== "live"), JSON.stringify(states));
  proxy.pass();
  await viewer.waitForMessage("line 39");
  await viewer.waitForState(/^live$/);
  await viewer.until(() => saysOf(viewer), "Complete so far: 20 since opened missing 0 repeated 0");
});

story("a page that comes into sight asks at once whether the server is there", async () => {
  const fake = await Fake.start();
  open.push(fake);
  fake.welcome = { requests: ["ping"] };
  fake.append("a", [{ ts: "2026-11-30T10:00:00Z", message: "hello" }]);
  const viewer = await stage.follow("a", "", fake);
  await viewer.waitForMessage("hello");
  const pings = () => fake.requests.filter(({ type }) => type === "ping").length;
  for (const [where, event] of [["document", "visibilitychange"], ["document", "resume"], ["window", "online"], ["window", "pageshow"]]) {
    const before = pings();
    await viewer.page.evaluate(([where, event]) => (where === "window" ? window : document).dispatchEvent(new Event(event)), [where, event]);
    await viewer.until(async () => pings() > before, true);
  }
});

story("the proof says what came and what became of every number, and how long ago the server answered", async () => {
  const stream = fresh();
  await stage.send(stream, names(0, 10));
  const viewer = await stage.follow(stream, "filter=level%3E%3Dwarn");
  await stage.send(stream, [..."123456"].map((n) => ({ level: n === "4" ? "warn" : "info", message: `n ${n}` })));
  await viewer.waitForMessage("n 4");
  await viewer.until(() => saysOf(viewer), "Complete so far: 1 since opened missing 0 repeated 0");
  await viewer.page.getByText(/^answered (now|\d+ s ago)$/).waitFor();
  await proofOf(viewer).click();
  const details = viewer.page.getByRole("dialog", { name: "Complete so far" });
  await viewer.until(async () => (await details.locator(".sum").innerText()).trim(), "6 numbers went by = 1 line received + 5 left out by the filter");
  assert.match(await details.getByRole("row", { name: stream }).innerText(), /#15\s+1\s+5\s+0\s+0\s+0$/);
  await viewer.page.keyboard.press("Escape");
  await details.waitFor({ state: "hidden" });
});

story("the proof turns red the moment a line is missing, or comes twice", async () => {
  const fake = await Fake.start();
  open.push(fake);
  const lines = (from, to) => names(from, to).map((message) => ({ ts: "2026-11-30T10:00:00Z", message }));
  fake.append("a", lines(0, 3));
  const viewer = await stage.follow("a", "", fake);
  fake.append("a", lines(3, 5));
  await viewer.waitForMessage("line 4");
  await viewer.until(() => saysOf(viewer), "Complete so far: 2 since opened missing 0 repeated 0");
  const frame = (first, next) => ({ type: "lines", stream: "a", first, next, lines: lines(first, next) });
  fake.sendAll(frame(4, 6));
  await viewer.until(() => saysOf(viewer), "Not complete: 3 since opened missing 0 repeated 1");
  fake.sendAll(frame(8, 9));
  await viewer.until(() => saysOf(viewer), "Not complete: 4 since opened missing 2 repeated 1");
  const colour = await proofOf(viewer).evaluate((button) => [getComputedStyle(button).color, getComputedStyle(document.documentElement).getPropertyValue("--error")]);
  assert.deepEqual(colour, ["rgb(180, 35, 24)", "#b42318"]);
  await proofOf(viewer).click();
  await viewer.page.getByRole("dialog", { name: "Not complete" }).waitFor();
});

story("after a gap the page remembers how many lines are missing, and leads to them", async () => {
  const fake = await Fake.start();
  open.push(fake);
  const lines = (from, to) => names(from, to).map((message) => ({ ts: "2026-11-30T10:00:00Z", message }));
  fake.append("a", lines(0, 3));
  const viewer = await stage.follow("a", "", fake);
  await viewer.waitForMessage("line 2");
  fake.sendAll({ type: "gap", stream: "a", from: 3, to: 13_400, reason: "retention" });
  fake.sendAll({ type: "lines", stream: "a", first: 13_400, next: 13_600, lines: lines(13_400, 13_600) });
  const missing = viewer.page.getByRole("button", { name: "13,397 lines missing" });
  await missing.waitFor();
  await viewer.waitForState(/^live$/);
  await viewer.waitForMessage("line 13599");
  assert.deepEqual((await viewer.notices()).filter((text) => text.startsWith("Gap")), [], "the gap is out of sight");
  await missing.click();
  await viewer.waitForNotice("Gap: 13,397 lines");
  // Named by the server: nothing is wrong with what came.
  await viewer.until(() => saysOf(viewer), "Complete so far: 200 since opened missing 0 repeated 0");
});
