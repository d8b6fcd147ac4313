// The cases: what a tab is put through. Each answers rows for a table; `watched` ones were watched several times.

import { onStage, pause } from "./stage.mjs";

/** How long a tab is given to settle before it is watched. */
const SETTLE_MS = 2_000;
/** What a tab may hold. */
const HELD = 200_000;
/** As fast as a tab is filled. */
const FILL_RATE = 20_000;

const ONE = ["bench/api"];
const TEN = Array.from({ length: 10 }, (_, i) => `bench/api-${i}`);

/** Watches a tab a few times while lines arrive. */
async function watch(tab, { runs, ms }, during) {
  const seen = [];
  for (let run = 0; run < runs; run += 1) seen.push(await tab.gauge.watch(ms, during && (() => during(run))));
  return seen;
}

/** Follows while lines arrive; `prepare` has the tab to do with what it likes. */
function following({ fragment = `#/stream/${ONE[0]}`, streams = ONE, held = 0, prepare = async () => undefined, during, follows = true, rate: own } = {}) {
  return (options) =>
    onStage(async (stage) => {
      const { rate } = { ...options, ...(own && { rate: own }) };
      const tab = await stage.tab(fragment);
      await tab.live();
      if (held > 0) {
        await stage.send({ streams, rate: FILL_RATE, most: held }).done();
        await tab.shows(held - 1);
      }
      const sending = stage.send({ streams, rate, from: held });
      await pause(SETTLE_MS);
      await prepare(tab);
      await pause(SETTLE_MS);
      const seen = await watch(tab, options, during && ((run) => during(tab, options.ms, run)));
      const sent = await sending.stop();
      const behind = follows ? await tab.shows(sent - 1) : undefined;
      return { seen, behind, stored: sending.perSecond, memory: await tab.gauge.memory() };
    });
}

const scrolledUp = async (tab) => {
  await tab.wheel(-2_000, 1_500);
};
/** Up and down, all the time. */
const scrolling = (tab, ms, run) => tab.wheel(run % 2 === 0 ? -160 : 120, ms - 50);

/** Cases that are watched while lines arrive at the rate. */
export const WATCHED = {
  "no lines at all": (options) =>
    onStage(async (stage) => {
      const tab = await stage.tab(`#/stream/${ONE[0]}`);
      await stage.send({ streams: ONE, rate: FILL_RATE, most: 1_000 }).done();
      await tab.live();
      await tab.shows(999);
      await pause(SETTLE_MS);
      const seen = [];
      for (let run = 0; run < options.runs; run += 1) seen.push(await tab.gauge.watch(options.ms, undefined, { frames: false }));
      return { seen, memory: await tab.gauge.memory() };
    }),
  "following one stream": following(),
  "ten streams by a pattern, with a filter": following({ fragment: "#/stream/bench/**?filter=status:200", streams: TEN, follows: false }),
  "reading above, scrolling all the time": following({ prepare: scrolledUp, during: scrolling, follows: false }),
  "following, lines not wrapped": following({ prepare: (tab) => tab.press("w") }),
  "following without the chart": following({ prepare: (tab) => tab.press("r") }),
  "following while something is found": following({ prepare: (tab) => tab.find("session") }),
  "following with 200,000 lines held": following({ held: HELD + 10_000 }),
  "reading above, with 200,000 lines held": following({ held: HELD + 10_000, prepare: scrolledUp, during: scrolling, follows: false }),
  "finding in 200,000 lines held": following({ held: HELD + 10_000, prepare: (tab) => tab.find("session") }),
};

/** The same at rates beyond. */
export const CEILING = Object.fromEntries(
  [10_000, 20_000, 40_000].map((rate) => [`following at ${rate.toLocaleString("en")} lines/s`, following({ rate })]),
);

/** Memory while far more lines arrive than are held. */
export async function memory({ log }) {
  return onStage(async (stage) => {
    const tab = await stage.tab(`#/stream/${ONE[0]}`);
    await tab.live();
    const rows = [{ arrived: 0, ...(await tab.gauge.memory()) }];
    for (let arrived = 0; arrived < 600_000; arrived += 100_000) {
      await stage.send({ streams: ONE, rate: FILL_RATE, from: arrived, most: arrived + 100_000 }).done();
      await tab.shows(arrived + 99_999);
      await pause(500);
      rows.push({ arrived: arrived + 100_000, ...(await tab.gauge.memory()) });
      log(rows.at(-1));
    }
    return rows;
  });
}

const FINDS = [
  { text: "session", regex: false },
  { text: "web-7", regex: false },
  { text: "eu-central", regex: false },
  { text: "/cart/\\d*7/items", regex: true },
  { text: "(GET|POST) .* in 9\\d+ ms", regex: true },
];

/** How long it takes to find in all that is held. */
export async function finding({ runs }) {
  return onStage(async (stage) => {
    const tab = await stage.tab(`#/stream/${ONE[0]}`);
    await tab.live();
    await stage.send({ streams: ONE, rate: FILL_RATE, most: HELD }).done();
    await tab.shows(HELD - 1);
    const rows = [];
    for (const { text, regex } of FINDS) {
      const times = [];
      const seen = [];
      let words;
      for (let run = 0; run < runs; run += 1) {
        seen.push(
          await tab.gauge.watch(1_500, async () => {
            const began = performance.now();
            await tab.find(text, { regex });
            words = await tab.found();
            times.push(performance.now() - began);
          }),
        );
        await tab.page.keyboard.press("Escape");
      }
      rows.push({ text, regex, words, times, seen });
    }
    return rows;
  });
}

/** From opening the address until lines stand on the page, with an empty cache. */
export async function opening({ runs, log }) {
  return onStage(async (stage) => {
    const rows = [];
    for (const held of [1_000, 1_000_000]) {
      const stream = `bench/held-${held}`;
      await stage.send({ streams: [stream], rate: 40_000, most: held }).done();
      log({ stored: held });
      const times = [];
      for (let run = 0; run < runs; run += 1) {
        const { page } = await stage.browser.open("about:blank");
        const cdp = await page.context().newCDPSession(page);
        await cdp.send("Network.enable");
        await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
        const began = performance.now();
        await page.goto(`${stage.server.url}#token=${stage.server.token}&to=/stream/${stream}`, { waitUntil: "commit" });
        await page.waitForFunction((last) => [...document.querySelectorAll("[role=log] .message")].some(({ textContent }) => textContent.startsWith(`line ${last} `)), held - 1, { polling: "raf", timeout: 60_000 });
        times.push(performance.now() - began);
        await page.close();
      }
      rows.push({ held, times });
    }
    return rows;
  });
}

const MANY = Array.from({ length: 1_000 }, (_, i) => `many/stream-${i}`);

/** What nobody hopes for. Each answers what the tab did meanwhile, and how long it took until the last line was on the page. */
export const STRESS = {
  "100,000 lines at once": onStream(async (stage, tab) => {
    const sent = await stage.send({ streams: ONE, rate: 1e9, most: 100_000, together: 40_000 }).done();
    await tab.shows(sent - 1);
  }),
  "500 lines of 250 KiB": onStream(async (stage, tab) => {
    const sent = await stage.send({ streams: ONE, rate: 1e9, most: 500, bytes: 250 * 1024, together: 40 }).done();
    await tab.shows(sent - 1);
  }),
  "scrolling through such lines": onStream(
    (_, tab) => tab.wheel(-400, 4_000),
    (stage) => stage.send({ streams: ONE, rate: 1e9, most: 100, bytes: 250 * 1024, together: 40 }).done(),
  ),
  "1,000 streams opened by a pattern": onStream(
    async (stage, tab) => {
      await tab.page.goto(`${stage.server.url}#/stream/many/**`);
      await tab.shows(0);
    },
    (stage) => stage.send({ streams: MANY, rate: FILL_RATE, most: 50_000 }).done(),
  ),
};

function onStream(act, prepare = async () => undefined) {
  return () =>
    onStage(async (stage) => {
      await prepare(stage);
      const tab = await stage.tab(`#/stream/${ONE[0]}`);
      await tab.live();
      let took = 0;
      const seen = await tab.gauge.watch(4_000, async () => {
        const began = performance.now();
        await act(stage, tab);
        took = performance.now() - began;
      });
      const rows = Number(await tab.page.locator("[role=scrollbar]").getAttribute("aria-valuemax"));
      return { seen, took, rows, memory: await tab.gauge.memory() };
    });
}
