// The server goes and comes back, the token ends, the reader pauses: the page says so, and not a line is lost.

import assert from "node:assert/strict";
import { story } from "../browser.mjs";
import { startServer } from "../server.mjs";
import { names, setStage } from "../stage.mjs";
import { readUp } from "../walk.mjs";

const STREAM = "shop/api";

const stage = setStage({ start: startServer, each: true });

let viewer;

const addressOf = (token, stream = STREAM) => `${stage.server.url}#token=${token}&to=/stream/${stream}`;

story("a server that is killed while lines come and started again loses and repeats no line on the page", async () => {
  await stage.send(STREAM, names(0, 100));
  viewer = await stage.follow(STREAM);
  let sent = 100;
  for (let kills = 0; kills < 3; kills++) {
    for (const until = sent + 500; sent < until; sent += 50) await stage.send(STREAM, names(sent, sent + 50));
    await stage.server.kill();
    await viewer.waitForState(/^offline, retrying( in \d+ s)?$/);
    await stage.server.restart();
    for (const until = sent + 200; sent < until; sent += 50) await stage.send(STREAM, names(sent, sent + 50));
    await viewer.waitForMessage(`line ${sent - 1}`);
    await viewer.waitForState(/^live$/);
  }
  assert.deepEqual(await readUp(viewer), names(0, sent));
});

story("a reader who scrolled up stays there while the server is away and comes back", async () => {
  await stage.send(STREAM, names(0, 300));
  viewer = await stage.follow(STREAM);
  await viewer.waitForMessage("line 299");
  await viewer.wheel(-600);
  const seen = await viewer.inSight();
  const places = await Promise.all(seen.map((message) => viewer.boxOf(message)));
  await stage.server.kill();
  await viewer.waitForState(/^offline/);
  await stage.server.restart();
  await stage.send(STREAM, names(300, 400));
  await viewer.page.getByRole("button", { name: "100 new lines" }).waitFor();
  assert.deepEqual(await Promise.all(seen.map((message) => viewer.boxOf(message))), places);
});

story("while the server is away the page counts the seconds, and tries at once when it is asked to", async () => {
  await stage.send(STREAM, names(0, 3));
  viewer = await stage.follow(STREAM);
  await stage.server.kill();
  // Each wait is longer than the one before.
  await viewer.waitForState(/^offline, retrying in [3-9] s$/);
  const words = await viewer.state();
  await viewer.waitFor((before) => document.getElementById("state").textContent !== before, words);
  await stage.server.restart();
  await viewer.waitForState(/^(offline, retrying in [1-9]\d* s|live)$/);
  const again = viewer.page.getByRole("button", { name: "Try now" });
  if (await again.isVisible()) await again.click({ timeout: 1_000 }).catch(() => {});
  await viewer.waitForState(/^live$/);
  assert.ok(await again.isHidden());
});

story("a token that the server refuses is said to be refused", async () => {
  viewer = await stage.open(`${stage.server.url}#token=${stage.server.token.slice(0, -6)}AAAAAA`);
  await viewer.page.getByText("The server refuses this token").waitFor();
});

story("a token that ends is said to have ended, and another one goes on where it was", async () => {
  await stage.send(STREAM, names(0, 5));
  viewer = await stage.open(`${stage.server.url}#token=${await stage.server.tokenFor("reader", "shop/**")}`);
  await viewer.page.getByRole("link", { name: STREAM }).waitFor();
  // The page is there already, and reads as the same subscriber: the token has all its time for the log.
  await viewer.page.goto(addressOf(await stage.server.tokenFor("reader", "shop/**", "10s")));
  await viewer.waitForMessage("line 4");
  await viewer.page.getByText(/^The token ended at \d\d:\d\d:\d\d/).waitFor();
  // What is on the page stays, with the question beside it.
  assert.deepEqual(await viewer.inSight(), names(0, 5));
  await viewer.page.getByRole("region", { name: "Sign in" }).waitFor();
  await viewer.row("line 2").getByRole("button", { name: "All of this line" }).click();
  await viewer.page.getByRole("button", { name: "Copy line" }).waitFor();
  await stage.send(STREAM, names(5, 9));
  await viewer.page.getByLabel("Token", { exact: true }).fill(await stage.server.tokenFor("reader", "shop/**"));
  await viewer.page.getByRole("button", { name: "Read logs" }).click();
  await viewer.waitForMessage("line 8");
  await viewer.waitForState(/^live$/);
  assert.deepEqual([await viewer.messages(), await viewer.notices()], [names(0, 9), []]);
});

story("a stream that may not be read is told like one that does not exist", async () => {
  await stage.send("secret/plans", ["not for everybody"]);
  await stage.send("open/api", ["for you"]);
  const token = await stage.server.tokenFor("reader", "open/**");
  viewer = await stage.open(`${stage.server.url}#token=${token}`);
  await viewer.page.getByRole("link", { name: "open/api" }).waitFor();
  const told = [];
  for (const stream of ["secret/plans", "secret/none", "@somebody-else"]) {
    await viewer.page.goto(`${stage.server.url}#/stream/${stream}`);
    await viewer.page.getByRole("heading", { name: stream, exact: true }).waitFor();
    await viewer.waitForState(/^no such stream$/);
    await viewer.page.getByText("There is no such stream, or this token may not read it.", { exact: true }).waitFor();
    told.push([await viewer.messages(), await viewer.notices()]);
  }
  assert.deepEqual(told, [[[], []], [[], []], [[], []]]);
  assert.deepEqual(await viewer.page.getByRole("list", { name: "Streams", exact: true }).getByRole("link").count(), 1);
});

story("a name that is no stream's is refused in words", async () => {
  viewer = await stage.open(addressOf(stage.server.token, "a//b"));
  await viewer.waitForState(/^ended$/);
  const words = await viewer.page.locator(".detail").innerText();
  assert.match(words, /a\/\/b|stream|name/i);
});

story("paused, lines wait at the server: the page says how many, and goes on without a seam", async () => {
  await stage.send(STREAM, names(0, 50));
  viewer = await stage.follow(STREAM);
  await viewer.waitForMessage("line 49");
  await viewer.press("p");
  await viewer.waitForState(/^paused$/);
  for (let sent = 50; sent < 1_250; sent += 400) await stage.send(STREAM, names(sent, sent + 400));
  await viewer.waitForState(/^paused, behind by 1,200 lines$/);
  assert.equal((await viewer.messages()).at(-1), "line 49");
  await viewer.page.getByRole("button", { name: "Pause" }).click();
  await viewer.waitForMessage("line 1249");
  await viewer.waitForState(/^live$/);
  assert.deepEqual(await readUp(viewer), names(0, 1_250));
});

story("a pause outlives the server", async () => {
  await stage.send(STREAM, names(0, 5));
  viewer = await stage.follow(STREAM);
  await viewer.waitForMessage("line 4");
  await viewer.press("p");
  await viewer.waitForState(/^paused$/);
  await stage.server.kill();
  await viewer.waitForState(/^offline/);
  await stage.server.restart();
  await stage.send(STREAM, names(5, 9));
  await viewer.waitForState(/^paused, behind by 4 lines$/);
  await viewer.press("p");
  await viewer.waitForMessage("line 8");
  assert.deepEqual([await viewer.messages(), await viewer.notices()], [names(0, 9), []]);
});
