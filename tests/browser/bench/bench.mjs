// How fast the page is, in a real Chromium on a real server: npm run bench [-- WORD…]
//
// With words only the cases whose name has one of them (and `memory`, `find in`, `open`, `stress` for the tables of their own). RATE (lines/s, default 5,000), SECONDS (of each run, 6) and RUNS (3)
// change what is measured. Run it on a machine that has nothing else to do: browser, server and sender share its cores.

import { cpus, loadavg } from "node:os";
import { CEILING, STRESS, WATCHED, finding, memory, opening } from "./cases.mjs";

const { RATE = "5000", SECONDS = "6", RUNS = "3" } = process.env;
const words = process.argv.slice(2);
const options = { rate: Number(RATE), ms: Number(SECONDS) * 1000, runs: Number(RUNS), log: (row) => console.error("  ", JSON.stringify(row)) };
const wanted = (name) => words.length === 0 || words.some((word) => name.includes(word));

/** The middle one, and the least and the most where they differ. */
function spread(values, digits = 0) {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, middle, most] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((value) => value.toFixed(digits));
  return least === most ? middle : `${middle} (${least}–${most})`;
}

function table(title, rows) {
  if (rows.length === 0) return;
  const names = Object.keys(rows[0]);
  const widths = names.map((name) => Math.max(name.length, ...rows.map((row) => String(row[name] ?? "").length)));
  const line = (cells) => cells.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join("  ").trimEnd();
  console.log(`\n${title}\n`);
  console.log(line(names));
  for (const row of rows) console.log(line(names.map((name) => row[name] ?? "")));
}

function watchedRow(name, { seen, behind, stored, memory }) {
  const of = (pick, digits) => spread(seen.map(pick), digits);
  return {
    case: name,
    "lines/s": stored?.toFixed(0) ?? 0,
    fps: of(({ fps }) => fps, 1),
    "changed/s": of(({ changed }) => changed),
    "gap p95": of(({ p95 }) => p95),
    "p99 ms": of(({ p99 }) => p99),
    "longest task ms": of(({ longest }) => longest),
    "its CPU": of(({ longestCpu }) => longestCpu),
    "main %": of(({ main }) => main),
    "tab %": of(({ cpu }) => cpu.tab),
    "browser %": of(({ cpu }) => cpu.browser),
    "server %": of(({ cpu }) => cpu.server),
    "heap MB": memory.heap.toFixed(1),
    "tab's own MB": memory.own.toFixed(0),
    "last line after ms": behind?.toFixed(0) ?? "",
  };
}

console.log(`${cpus().length} cores, load ${loadavg().map((load) => load.toFixed(1)).join(" ")}; ${options.rate.toLocaleString("en")} lines/s of about 250 bytes, ${options.runs} runs of ${SECONDS} s: the middle one (least–most)`);

for (const [title, cases] of [["Watched while lines arrive", WATCHED], ["Beyond", CEILING]]) {
  const rows = [];
  for (const [name, measure] of Object.entries(cases)) {
    if (!wanted(name)) continue;
    const result = await measure(options);
    rows.push(watchedRow(name, result));
    for (const { longest, longestWas } of result.seen) if (longest > 50) options.log({ name, longest, longestWas });
    options.log(rows.at(-1));
  }
  table(title, rows);
}

if (wanted("memory")) {
  const rows = await memory(options);
  table("Memory as lines arrive, after garbage was collected", rows.map(({ arrived, heap, own, rss, nodes }) => ({
    arrived: arrived.toLocaleString("en"), "heap MB": heap.toFixed(1), "tab's own MB": own.toFixed(0), "tab's RSS MB": rss.toFixed(0), nodes,
  })));
}

if (wanted("find in lines")) {
  const rows = await finding(options);
  table("Find in 200,000 lines", rows.map(({ text, regex, words, times, seen }) => ({
    query: regex ? `/${text}/` : text, found: words, ms: spread(times), "longest task ms": spread(seen.map(({ longest }) => longest)), "its CPU": spread(seen.map(({ longestCpu }) => longestCpu)), "gap p99 ms": spread(seen.map(({ p99 }) => p99)),
  })));
}

if (wanted("open")) {
  const rows = await opening(options);
  table("From the address to the last line on the page, nothing cached", rows.map(({ held, times }) => ({ "lines stored": held.toLocaleString("en"), ms: spread(times) })));
}
const stressed = [];
for (const [name, measure] of Object.entries(STRESS)) {
  if (!wanted("stress") && !wanted(name)) continue;
  const { seen, took, rows, memory } = await measure();
  stressed.push({ case: name, "took ms": took.toFixed(0), fps: seen.fps.toFixed(1), "gap p99 ms": seen.p99.toFixed(0), "longest task ms": seen.longest.toFixed(0),
    "its CPU": seen.longestCpu.toFixed(0), "rows above": rows, "heap MB": memory.heap.toFixed(1), "tab's own MB": memory.own.toFixed(0) });
  options.log(stressed.at(-1));
}
table("Under stress", stressed);
console.log(`\nload ${loadavg().map((load) => load.toFixed(1)).join(" ")}`);
