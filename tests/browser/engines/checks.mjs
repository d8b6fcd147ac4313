// What a reader has to be able to do in every engine. Each has a page and a stream of its own: `send` stores `line FROM` to
// `line TO` (exclusive) in it.

import assert from "node:assert/strict";
import { Fake } from "../fake.mjs";
import { names } from "../lines.mjs";
import { startProxy } from "../proxy.mjs";
import { readUp } from "../walk.mjs";

const ESC = "\u001b";
const texts = (selector) => [...document.querySelectorAll(selector)].map((element) => element.textContent);

export const CHECKS = {
  async "signs in with a pasted token, lists the streams and opens one"({ tab, viewer, server, stream, send }) {
    await send(0, 3);
    await tab.open(server.url);
    await tab.click("main input");
    await tab.type("no token");
    await tab.press("Enter");
    await viewer.says("[role=alert]", "That is not a token. A token is three parts of letters and digits with dots between them.");
    await tab.type(server.token);
    await tab.press("Enter");
    await tab.click(`a[title="${stream}"]`);
    await viewer.stands("live");
    await viewer.shows(...names(0, 3));
    assert.equal(await tab.run(() => location.hash), `#/stream/${stream}`);
  },

  async "follows, stops where the reader scrolls to, counts what comes, and goes back to live"({ tab, viewer, stream, send }) {
    await send(0, 300);
    await viewer.follow(stream);
    await viewer.ends("line 299");
    let sent = 300;
    for (const back of [() => tab.press("End"), () => tab.click(".to-live")]) {
      await viewer.wheel(-200);
      const before = await viewer.inSight();
      for (const until = sent + 1_000; sent < until; sent += 250) await send(sent, sent + 250);
      await viewer.says(".to-live", "↓ 1,000 new lines · jump to live");
      assert.deepEqual(await viewer.inSight(), before);
      await back();
      await viewer.ends(`line ${sent - 1}`);
      await send(sent, sent + 10);
      sent += 10;
      await viewer.ends(`line ${sent - 1}`);
    }
  },

  async "scrolls back through the store to the first line, each once, and nothing jumps"({ viewer, stream, send }) {
    for (let sent = 0; sent < 2_500; sent += 500) await send(sent, sent + 500);
    await viewer.follow(stream);
    await viewer.ends("line 2499");
    assert.deepEqual(await readUp(viewer), names(0, 2_500));
  },

  async "keeps what is selected while lines come"({ tab, viewer, stream, send }) {
    await send(0, 100);
    await viewer.follow(stream);
    await viewer.ends("line 99");
    const { left, right, y } = await tab.run(() => {
      const { left, top, height } = [...document.querySelectorAll("[role=log] .message")].at(-5).getBoundingClientRect();
      return { left: Math.round(left) + 1, right: Math.round(left) + 90, y: Math.round(top + height / 2) };
    });
    await tab.drag({ x: left, y }, { x: right, y });
    const selected = () => getSelection().toString().trim();
    assert.equal(await tab.run(selected), "line 95");
    await send(100, 600);
    await viewer.says(".to-live", "↓ 500 new lines · jump to live");
    assert.equal(await tab.run(selected), "line 95");
  },

  async "opens a line to its fields, makes one a column and asks for one"({ tab, viewer, server, stream }) {
    const lines = [200, 404, 500].map((status) => ({ message: `answered ${status}`, fields: { status, user: { id: 7 } } }));
    await server.send(stream, lines);
    await viewer.follow(stream);
    await tab.click("[role=log] .row:nth-child(2) .toggle");
    await tab.until(["status", "user", "id"], texts, ".details .member .name");
    await tab.click(".details .member:first-child .column");
    await tab.until(["status"], texts, ".heads .cell .name");
    await tab.until(["200", "404", "500"], () => [...document.querySelectorAll("[role=log] .row .cell")].map((cell) => cell.innerText));
    await tab.click(".details .member:first-child .only");
    await viewer.shows("answered 404");
    assert.equal(await tab.run(() => location.hash), `#/stream/${stream}?filter=status:404&at=${stream}:2&columns=status`);
  },

  async "finds by text and by expression, in a worker"({ tab, viewer, server, stream }) {
    await server.send(stream, names(0, 500).map((name, i) => (i % 100 === 50 ? `${name} needle` : name)));
    await viewer.follow(stream);
    await tab.press("Control+f");
    await tab.type("needle");
    await viewer.says("search .status", "5 lines");
    await tab.press("Shift+Enter");
    await viewer.says("search .status", "5 of 5");
    await tab.until(["needle"], texts, "[role=log] mark.now");
    await viewer.says("[role=log] .row.current .message", "line 450 needle");
    await tab.press("Control+a");
    await tab.type("needle$|^line 4[78]\\d");
    await tab.press("Alt+r");
    await viewer.says("search .status", "25 lines");
    await tab.press("Control+a");
    await tab.type("(line|x+x+)+y");
    await viewer.says("search .status", "Not in the loaded lines");
    await tab.press("Escape");
    await tab.until([], texts, "[role=log] mark");
  },

  async "completes a filter from what was seen, and the server applies it"({ tab, viewer, server, stream }) {
    const lines = names(0, 10).map((message, i) => ({ message, fields: { status: i % 2 ? 500 : 200 } }));
    await server.send(stream, lines);
    await viewer.follow(stream);
    await viewer.shows(...names(0, 10));
    await tab.press("/");
    await tab.type("sta");
    await tab.until(["status:"], texts, "[role=listbox] .label");
    await tab.press("Tab");
    await tab.until(["200", "500"], texts, "[role=listbox] .label");
    await tab.press("ArrowDown");
    await tab.press("ArrowDown");
    await tab.press("Enter");
    await tab.press("Enter");
    await viewer.shows("line 1", "line 3", "line 5", "line 7", "line 9");
    await server.send(stream, lines);
    await viewer.shows(...[1, 3, 5, 7, 9, 1, 3, 5, 7, 9].map((i) => `line ${i}`));
  },

  async "goes to the time that is dragged to in the chart, and to one that is typed"({ tab, viewer, server, stream }) {
    const began = Date.now() - 3_600_000;
    const at = (i) => new Date(began + i * 1_000).toISOString();
    for (let i = 0; i < 3_600; i += 900) await server.send(stream, names(i, i + 900).map((message, j) => ({ ts: at(i + j), message })));
    await viewer.follow(stream);
    await tab.run(() => [...document.querySelectorAll(".chart .spans button")].find(({ textContent }) => textContent === "1 h").click());
    const { left, right, y } = await tab.run(() => {
      const { left, width, y, height } = document.querySelector(".chart [role=slider]").getBoundingClientRect();
      return { left: Math.round(left + width * 0.2), right: Math.round(left + width * 0.5), y: Math.round(y + height / 2) };
    });
    await tab.drag({ x: left, y }, { x: right, y });
    await tab.until(true, () => {
      const numbers = [...document.querySelectorAll("[role=log] .message")].map(({ textContent }) => Number(textContent.split(" ")[1]));
      return numbers.length > 10 && numbers.every((number) => number > 1_600 && number < 2_000);
    });
    await tab.press("t");
    // What a reader types there is in the order of their language.
    await tab.run((wall) => {
      const field = document.querySelector("dialog[open] input");
      field.value = wall;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }, at(600).slice(0, 19));
    await tab.press("Enter");
    await tab.until(true, () => Number(document.querySelector("[role=log] .row.current .message")?.textContent.split(" ")[1]) === 600);
  },

  async "looks the way that is asked for, and remembers it"({ tab, viewer, server, stream }) {
    await server.send(stream, [{ ts: "2026-11-20T10:00:00Z", message: "one" }]);
    await viewer.follow(stream);
    const look = () => [getComputedStyle(document.body).backgroundColor, document.querySelector("[role=log] .when")?.textContent.slice(-12) ?? null];
    await tab.until(["rgb(255, 255, 255)", "10:00:00.000"], look);
    await tab.press(",");
    await tab.click("[role=dialog] input[list]");
    await tab.press("Control+a");
    await tab.type("Asia/Tokyo");
    await tab.press("Tab");
    await tab.until(["rgb(255, 255, 255)", "19:00:00.000"], look);
    // The list of a select is the system's own.
    await tab.run(() => {
      const select = [...document.querySelectorAll("[role=dialog] select")].at(-1);
      select.value = "dark";
      select.dispatchEvent(new Event("change", { bubbles: true }));
    });
    await tab.press("Escape");
    await tab.until(["rgb(19, 23, 26)", "19:00:00.000"], look);
    await viewer.follow(stream);
    await tab.until(["rgb(19, 23, 26)", "19:00:00.000"], look);
  },

  async "copies a line and ten thousand, and what is pasted is what was copied"({ tab, viewer, stream, send }) {
    await viewer.follow(stream);
    for (let sent = 0; sent < 10_000; sent += 2_000) await send(sent, sent + 2_000);
    await viewer.ends("line 9999");
    await tab.press("e");
    await tab.click("dialog[open] .actions button:nth-child(2)");
    await viewer.says("dialog[open] .done", "Copied 10,000 lines.");
    await tab.press("Escape");
    await tab.press("k");
    await tab.press("c");
    await viewer.says(".done.shown", "Copied 1 line.");
    await tab.press("/");
    await tab.press("Control+v");
    assert.match(await tab.run(() => document.activeElement.value), /line 9999$/);
  },

  async "saves what is downloaded, whole"({ tab, viewer, stream, send }) {
    await send(0, 3_000);
    await viewer.follow(stream);
    await viewer.ends("line 2999");
    // The file goes where the browser puts files; here, what it is made of is looked at.
    await tab.run(() => {
      globalThis.saved = [];
      const create = URL.createObjectURL;
      URL.createObjectURL = (blob) => {
        globalThis.saved.push(blob);
        return create.call(URL, blob);
      };
      HTMLAnchorElement.prototype.click = function () {
        globalThis.saved.push(this.download);
      };
      delete globalThis.showSaveFilePicker;
    });
    await tab.press("e");
    await tab.click("dialog[open] input[value=stream]");
    await tab.click("dialog[open] input[value=ndjson]");
    await tab.click("dialog[open] button[type=submit]");
    await tab.until(2, () => globalThis.saved.length);
    const { text, name } = await tab.run(async () => ({ text: await globalThis.saved[0].text(), name: globalThis.saved[1] }));
    assert.match(name, /\.ndjson$/);
    const kept = text.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(kept.map(({ message }) => message), names(0, 3_000));
  },

  async "goes on where it was when the server was killed and started again"({ tab, viewer, server, stream, send }) {
    await send(0, 100);
    await viewer.follow(stream);
    await viewer.ends("line 99");
    await server.kill();
    await tab.until(true, () => document.getElementById("state").textContent.startsWith("offline"));
    await server.restart();
    await send(100, 300);
    await viewer.ends("line 299");
    await viewer.stands("live");
    assert.deepEqual(await readUp(viewer), names(0, 300));
  },

  async "says that nothing is heard behind a proxy that swallows everything, and goes on when it passes again"({ tab, viewer, server, stream, send }) {
    const proxy = await startProxy(server.url);
    try {
      await send(0, 20);
      await tab.open(`${proxy.url}#token=${server.token}&to=${encodeURIComponent(`/stream/${stream}`)}`);
      await viewer.stands("live");
      await viewer.ends("line 19");
      proxy.swallow();
      await send(20, 40);
      await tab.until(true, () => /^no answer for \d+ s$/.test(document.getElementById("state").textContent));
      proxy.pass();
      await viewer.ends("line 39");
      await viewer.stands("live");
      assert.deepEqual(await readUp(viewer), names(0, 40));
    } finally {
      await proxy.close();
    }
  },

  async "remembers after a gap how many lines are missing, and leads to them"({ tab, viewer }) {
    const fake = await Fake.start();
    try {
      const lines = (from, to) => names(from, to).map((message) => ({ ts: "2026-11-30T10:00:00Z", message }));
      fake.append("a", lines(0, 3));
      await tab.open(`${fake.url}#token=${fake.token}&to=${encodeURIComponent("/stream/a")}`);
      await viewer.ends("line 2");
      fake.sendAll({ type: "gap", stream: "a", from: 3, to: 13_400, reason: "retention" });
      fake.sendAll({ type: "lines", stream: "a", first: 13_400, next: 13_600, lines: lines(13_400, 13_600) });
      await viewer.ends("line 13599");
      await viewer.says(".lost", "13,397 lines missing");
      await tab.click(".lost");
      await tab.until(true, () => [...document.querySelectorAll("[role=log] .words")].some(({ textContent }) => textContent.startsWith("Gap: 13,397 lines")));
    } finally {
      await fake.close();
    }
  },

  async "looks for what was pasted and is no filter, by a click"({ tab, viewer, stream, server }) {
    const said = 'err="dial tcp: (refused';
    await server.send(stream, ["one", said, "two"]);
    await viewer.follow(stream);
    await viewer.shows("one", said, "two");
    await tab.click("[role=combobox]");
    await tab.type(said);
    await tab.press("Enter");
    await tab.until(true, () => document.querySelector(".instead button") !== null);
    await viewer.shows("one", said, "two");
    await tab.click(".instead button");
    await viewer.shows(said);
  },

  async "shows hostile lines as text and nothing else"({ tab, viewer, server, stream }) {
    const hostile = [
      [`<img src="https://elsewhere.example/x.png" onerror="document.title='owned'">`],
      [`${ESC}[31mred${ESC}[0m plain`, "red plain"],
      [`${ESC}[38;2;1;2;3;48;5;200mcolours${ESC}[m`, "colours"],
      [`${ESC}[2J${ESC}]0;title\u0007`, "ESC[2JESC]0;titleBEL"],
      ["\u202egnp.exe\u202c", "U+202Egnp.exeU+202C"],
      ["zero\u200bwidth\u200d", "zeroU+200BwidthU+200D"],
      [`z${"\u0301".repeat(900)}algo`, `z${"\u0301".repeat(8)}+892 marksalgo`],
    ];
    await server.send(stream, hostile.map(([message]) => ({ message, fields: { [message.slice(0, 60)]: message } })));
    await server.send(stream, [{ message: "long ".repeat(50_000) }, { message: "the end" }]);
    await viewer.follow(stream);
    await viewer.ends("the end");
    const shown = await tab.run(texts, "[role=log] .message");
    hostile.forEach(([sent, seen = sent], i) => assert.equal(shown[i], seen));
    await tab.click("[role=log] .row:nth-child(8) [data-act=more]");
    await tab.until(250_000, () => document.querySelector("[role=log] .row:nth-child(8) .message").textContent.length);
    assert.ok(await tab.run(() => document.title !== "owned" && document.querySelectorAll("[role=log] :is(img, script, a, style)").length === 0));
  },
};
