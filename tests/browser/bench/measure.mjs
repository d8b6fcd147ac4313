// What a tab does, by the browser's own word: frames and tasks from its trace, CPU time and memory from its processes.

import { readFile } from "node:fs/promises";

/** `RunTask` is what a thread does in one go. */
const CATEGORIES = ["disabled-by-default-devtools.timeline", "devtools.timeline.frame", "devtools.timeline", "blink.user_timing"];
const MARK = "tailcast-bench";
const TICKS_PER_SECOND = 100;

export class Gauge {
  #page;
  #tab;
  #browser;
  #others;
  /** The tab's process. */
  #renderer;

  /** @param others processes beside the browser's that are told of, by name. */
  static async of(page, others = {}) {
    const gauge = new Gauge();
    gauge.#page = page;
    gauge.#others = others;
    gauge.#tab = await page.context().newCDPSession(page);
    gauge.#browser = await page.context().browser().newBrowserCDPSession();
    await gauge.#tab.send("Performance.enable");
    gauge.#renderer = await gauge.#find();
    return gauge;
  }

  /**
   * Watches for so long, and says what was seen. A frame is asked for all the time, as an animation would: how often the page
   * gets one is how often it could have drawn. Without `frames` it is left alone.
   */
  async watch(ms, during = () => undefined, { frames: asks = true } = {}) {
    const trace = await this.#trace();
    const before = await this.#spent();
    const began = performance.now();
    const frames = asks ? this.#frames(ms) : new Promise((resolve) => setTimeout(resolve, ms, []));
    await during();
    const times = await frames;
    const seconds = (performance.now() - began) / 1000;
    const after = await this.#spent();
    const events = await trace();
    const share = Object.fromEntries(Object.entries(after).map(([name, spent]) => [name, ((spent - (before[name] ?? 0)) / seconds) * 100]));
    return { ...frameFigures(times), ...traceFigures(events, this.#renderer, seconds), cpu: share };
  }

  /** The process in which the page makes a mark. */
  async #find() {
    const trace = await this.#trace();
    await this.#page.evaluate((mark) => performance.mark(mark), MARK);
    return (await trace()).find(({ name }) => name === MARK).pid;
  }

  /** Begins a trace. Answers what ends it, and has its events. */
  async #trace() {
    const events = [];
    const collect = ({ value }) => events.push(...value);
    this.#browser.on("Tracing.dataCollected", collect);
    await this.#browser.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: CATEGORIES } });
    return async () => {
      const complete = new Promise((resolve) => this.#browser.once("Tracing.tracingComplete", resolve));
      await this.#browser.send("Tracing.end");
      await complete;
      this.#browser.off("Tracing.dataCollected", collect);
      return events;
    };
  }

  /** Times of frames that the page was given to draw in. */
  #frames(ms) {
    return this.#page.evaluate(
      (ms) =>
        new Promise((done) => {
          const times = [];
          const end = performance.now() + ms;
          const frame = (now) => {
            times.push(now);
            if (now < end) requestAnimationFrame(frame);
            else done(times);
          };
          requestAnimationFrame(frame);
        }),
      ms,
    );
  }

  /** Seconds of CPU time so far: the tab, the rest of the browser, and the others. */
  async #spent() {
    const { processInfo } = await this.#browser.send("SystemInfo.getProcessInfo");
    const spent = { tab: 0, browser: 0 };
    for (const { id, cpuTime } of processInfo) spent[id === this.#renderer ? "tab" : "browser"] += cpuTime;
    for (const [name, pid] of Object.entries(this.#others)) spent[name] = await cpuSeconds(pid);
    return spent;
  }

  /** After the garbage was collected, in MB: the heap of scripts, and what the tab's process holds of memory. */
  async memory() {
    await this.#tab.send("HeapProfiler.collectGarbage");
    const { metrics } = await this.#tab.send("Performance.getMetrics");
    const of = (name) => metrics.find((metric) => metric.name === name).value;
    const status = await readFile(`/proc/${this.#renderer}/smaps_rollup`, "utf8");
    const kib = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)[1]);
    return { heap: of("JSHeapUsedSize") / 1e6, rss: (kib("Rss") * 1024) / 1e6, own: ((kib("Private_Dirty") + kib("Private_Clean")) * 1024) / 1e6, nodes: of("Nodes"), listeners: of("JSEventListeners") };
  }
}

async function cpuSeconds(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function frameFigures(times) {
  if (times.length < 2) return { fps: 0, p95: 0, p99: 0 };
  const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
  const at = (share) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))];
  return { fps: gaps.length / ((times.at(-1) - times[0]) / 1000), p95: at(0.95), p99: at(0.99) };
}

function traceFigures(events, pid, seconds) {
  const names = events.filter(({ name, ph }) => ph === "M" && name === "thread_name");
  const main = names.find((event) => event.pid === pid && event.args.name === "CrRendererMain")?.tid;
  const tasks = events.filter((event) => event.pid === pid && event.tid === main && event.name === "RunTask" && event.dur);
  const longest = tasks.reduce((most, task) => (task.dur > (most?.dur ?? 0) ? task : most), undefined);
  const within = longest ? events.filter((event) => event.pid === pid && event.tid === main && event.dur > longest.dur / 5 && event.ts >= longest.ts && event.ts + event.dur <= longest.ts + longest.dur && event !== longest) : [];
  return {
    /** How often something else was to be seen. */
    changed: events.filter((event) => event.pid === pid && event.name === "Layout").length / seconds,
    longest: (longest?.dur ?? 0) / 1000,
    /** The most CPU time of a task: what it takes where nobody else wants the cores. */
    longestCpu: tasks.reduce((most, { tdur = 0 }) => Math.max(most, tdur), 0) / 1000,
    /** What the longest task was about. */
    longestWas: [...new Set(within.map(({ name }) => name))].slice(0, 4).join(", "),
    /** Of the main thread's CPU time, in percent. */
    main: (tasks.reduce((sum, { tdur = 0 }) => sum + tdur, 0) / 1e6 / seconds) * 100,
  };
}
