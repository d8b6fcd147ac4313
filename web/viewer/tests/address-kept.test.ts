import assert from "node:assert/strict";
import { test } from "node:test";
import { FilterHistory } from "../src/address/filters.ts";
import { DEFAULTS, KeptPreferences, preferencesOf } from "../src/address/preferences.ts";
import { BrowserViews } from "../src/address/saved.ts";
import type { Ground } from "../src/address/shelf.ts";
import { KeptToken, tokenEnd, tokenFrom, tokenSubscriber } from "../src/address/token.ts";

/** One browser's storage, as two tabs see it. */
class Browser {
  readonly kept = new Map<string, string>();
  readonly events = new EventTarget();
  readonly ground: Ground = {
    events: this.events,
    storage: () => ({
      getItem: (key) => this.kept.get(key) ?? null,
      setItem: (key, text) => void this.kept.set(key, text),
      removeItem: (key) => void this.kept.delete(key),
    }),
  };

  otherTabWrote(key: string | null): void {
    this.events.dispatchEvent(Object.assign(new Event("storage"), { key }));
  }
}

const FORBIDDEN: Ground = {
  storage: () => {
    throw new Error("The operation is insecure.");
  },
};

const PASTED: Record<string, [string, string | undefined]> = {
  "itself": [" aa.bb.cc\n", "aa.bb.cc"],
  "a header": ["Authorization: Bearer aa.bb.cc", "aa.bb.cc"],
  "half a header": ["bearer aa.bb.cc", "aa.bb.cc"],
  "the address that was printed": ["http://127.0.0.1:7440/#token=aa.bb.cc", "aa.bb.cc"],
  "an address that also says where to go": ["http://127.0.0.1:7440/#token=aa.bb.cc&to=%23%2Fstream%2Fa", "aa.bb.cc"],
  "a sentence": ["please sign in", undefined],
  "nothing": ["", undefined],
};

for (const [what, [pasted, token]] of Object.entries(PASTED)) {
  test(`a token is found in what was pasted: ${what}`, () => assert.equal(tokenFrom(pasted), token));
}

test("a token says when it ends, or nothing", () => {
  const claims = btoa(JSON.stringify({ exp: 1_795_255_201 }));
  assert.equal(tokenEnd(`x.${claims}.y`), 1_795_255_201_000);
  assert.equal(tokenEnd("x.y.z"), undefined);
  assert.equal(tokenSubscriber(`x.${Buffer.from(JSON.stringify({ sub: "ann@exämple" })).toString("base64url")}.y`), "ann@exämple");
  assert.equal(tokenSubscriber("x.y.z"), "");
  assert.equal(tokenEnd("x"), undefined);
});

test("a token is kept until it is forgotten", () => {
  const { ground, kept } = new Browser();
  new KeptToken(ground).write("aa.bb.cc");
  assert.equal(new KeptToken(ground).read(), "aa.bb.cc");
  new KeptToken(ground).write(undefined);
  assert.equal(kept.size, 0);
});

test("where the browser keeps nothing, everything lives as long as the page", () => {
  const token = new KeptToken(FORBIDDEN);
  assert.equal(token.read(), undefined);
  token.write("aa.bb.cc");
  assert.equal(token.read(), "aa.bb.cc");
});

test("views that an earlier version kept in the browser are read, and removed", () => {
  const { ground, kept } = new Browser();
  kept.set("tailcast.views", JSON.stringify([
    { name: "slow requests", fragment: "#/stream/web?filter=took%3E1000" },
    { name: "errors", fragment: "#/stream/a" },
    { name: "elsewhere", fragment: "javascript:alert(1)" },
  ]));
  const views = new BrowserViews(ground);
  assert.deepEqual(views.list(), [
    { name: "errors", fragment: "#/stream/a" },
    { name: "slow requests", fragment: "#/stream/web?filter=took%3E1000" },
  ]);
  views.remove("slow requests");
  assert.deepEqual(new BrowserViews(ground).list(), [{ name: "errors", fragment: "#/stream/a" }]);
});

const BROKEN = ["", "{", "null", "7", '{"a":1}', '[null,7,{"name":"x"},{"name":"x","fragment":"https://example.org"},["a"]]'];

for (const text of BROKEN) {
  test(`a storage that holds ${text || "nothing"} is survived`, () => {
    const { ground, kept } = new Browser();
    for (const key of ["tailcast.views", "tailcast.filters", "tailcast.preferences"]) kept.set(key, text);
    assert.deepEqual(new BrowserViews(ground).list(), []);
    assert.deepEqual(new FilterHistory(ground).list(), []);
    assert.deepEqual(new KeptPreferences(ground).read(), DEFAULTS);
  });
}

test("another tab's changes are told, other keys' are not", () => {
  const browser = new Browser();
  let changes = 0;
  const stop = new BrowserViews(browser.ground).watch(() => (changes += 1));
  browser.otherTabWrote("tailcast.views");
  browser.otherTabWrote("tailcast.filters");
  browser.otherTabWrote(null);
  stop();
  browser.otherTabWrote("tailcast.views");
  assert.equal(changes, 2);
});

test("filters are remembered once each, the last one first, fifty of them", () => {
  const history = new FilterHistory(new Browser().ground);
  for (let n = 0; n < 60; n += 1) history.add(`status>=${n}`);
  history.add(" status>=30 ");
  history.add("");
  assert.equal(history.list().length, 50);
  assert.deepEqual(history.list().slice(0, 3), ["status>=30", "status>=59", "status>=58"]);
  history.remove("status>=59");
  assert.deepEqual(history.list().slice(0, 2), ["status>=30", "status>=58"]);
  history.clear();
  assert.deepEqual(history.list(), []);
});

test("preferences that nobody can have chosen have their defaults, the others stand", () => {
  const kept = { zone: "Mars/Olympus", time: "iso", wrap: "yes", fontSize: 99, theme: "dark", sidebar: false, more: 1 };
  assert.deepEqual(preferencesOf(kept), { ...DEFAULTS, time: "iso", theme: "dark", sidebar: false });
  assert.equal(preferencesOf({ zone: "Europe/Paris" }).zone, "Europe/Paris");
  assert.equal(preferencesOf({ zone: "utc" }).zone, "utc");
});

test("preferences come back, and only what was chosen is kept", () => {
  const { ground, kept } = new Browser();
  const chosen = { ...DEFAULTS, density: "compact", fontSize: 15 } as const;
  new KeptPreferences(ground).write(chosen);
  assert.deepEqual(new KeptPreferences(ground).read(), chosen);
  assert.equal(kept.get("tailcast.preferences"), '{"density":"compact","fontSize":15}');
});
