import assert from "node:assert/strict";
import { test } from "node:test";
import { fits, fragmentOf, linkOf, MOST_CHARACTERS, NO_VIEW, permalink, readAddress, type View } from "../src/address/view.ts";

const FULL: View = {
  streams: ["payments/**", "web/access"],
  filter: 'level>=warn "cache miss" -path:/a%2Fb+c & d=é',
  at: { stream: "payments/api", offset: 1234 },
  columns: [{ path: "status", width: 8 }, { path: "http.path" }, { path: "odd,name:5%2C" }],
  hidden: ["web/access"],
  find: "50% (of #1)?",
};

const VIEWS: Record<string, [View, string]> = {
  "the list of streams": [NO_VIEW, "#/"],
  "one stream": [{ ...NO_VIEW, streams: ["payments/api"] }, "#/stream/payments/api"],
  "patterns and names": [{ ...NO_VIEW, streams: ["payments/**", "@me", "a.b_c-d/*"] }, "#/stream/payments/**,@me,a.b_c-d/*"],
  "a name that ends in a full stop": [{ ...NO_VIEW, streams: ["a."] }, "#/stream/a%2E"],
  "everything, plainly": [
    { streams: ["payments/**", "web/access"], filter: "level>=warn", at: { stream: "payments/api", offset: 1234 }, columns: [{ path: "status", width: 8 }, { path: "path" }], hidden: ["web/access"], find: "timeout" },
    "#/stream/payments/**,web/access?filter=level%3E%3Dwarn&at=payments/api:1234&columns=status:8,path&hide=web/access&find=timeout",
  ],
  "a time": [
    { ...NO_VIEW, streams: ["a"], at: { time: "2026-11-21T10:00:00.000000001Z" } },
    "#/stream/a?at=2026-11-21T10:00:00.000000001Z",
  ],
  "a time with a zone": [
    { ...NO_VIEW, streams: ["a"], at: { time: "2026-11-21T10:00:00+02:00" } },
    "#/stream/a?at=2026-11-21T10:00:00%2B02:00",
  ],
};

for (const [what, [view, fragment]] of Object.entries(VIEWS)) {
  test(`${what} is written as it is read`, () => {
    assert.equal(fragmentOf(view), fragment);
    assert.deepEqual(readAddress(fragment), { view });
  });
}

test("a view with awkward characters comes back whole", () => {
  assert.deepEqual(readAddress(fragmentOf(FULL)).view, FULL);
});

test("a view survives an address that was escaped as a whole", () => {
  assert.deepEqual(readAddress(`#${encodeURIComponent(fragmentOf(FULL).slice(1))}`).view, FULL);
});

test("half a character does not break the address", () => {
  assert.equal(readAddress(fragmentOf({ ...FULL, filter: "a\ud800b" })).view.filter, "a\ufffdb");
});

const BENT: Record<string, [string, Partial<View>]> = {
  "escaped slashes": ["#/stream/payments%2Fapi", { streams: ["payments/api"] }],
  "escaped slashes everywhere but in its members": ["#%2Fstream%2Fa%2Fb?filter=x%26y", { streams: ["a/b"], filter: "x&y" }],
  "escaped asterisks and commas": ["#/stream/payments/%2A%2A%2Cweb", { streams: ["payments/**", "web"] }],
  "a sentence's full stop": ["#/stream/payments/api.", { streams: ["payments/api"] }],
  "a bracket after it": ["#/stream/payments/api?filter=x).", { streams: ["payments/api"], filter: "x" }],
  "brackets of a filter typed by hand": ["#/stream/a?filter=(a OR b)", { streams: ["a"], filter: "(a OR b)" }],
  "spaces as in forms": ["#/stream/a?filter=cache+miss", { streams: ["a"], filter: "cache miss" }],
  "a time's zone as in forms": ["#/stream/a?at=2026-11-21T10:00:00+02:00", { streams: ["a"], at: { time: "2026-11-21T10:00:00+02:00" } }],
  "a percent sign of a person": ["#/stream/a?filter=100%", { streams: ["a"], filter: "100%" }],
  "bytes that are no text": ["#/stream/a?filter=%ff", { streams: ["a"], filter: "%ff" }],
  "ampersands of markup": ["#/stream/a?filter=x&amp;find=y", { streams: ["a"], filter: "x", find: "y" }],
  "members of a later page": ["#/stream/a?newer=1&filter=x", { streams: ["a"], filter: "x" }],
  "a member twice": ["#/stream/a?filter=x&filter=y", { streams: ["a"], filter: "x" }],
  "a place that is none": ["#/stream/a?at=there", { streams: ["a"] }],
  "a time that is none": ["#/stream/a?at=2026-13-41T10:00:00Z", { streams: ["a"] }],
  "an offset beyond all numbers": ["#/stream/a?at=a:99999999999999999999", { streams: ["a"] }],
  "a column twice and an empty one": ["#/stream/a?columns=x:3,,x:9", { streams: ["a"], columns: [{ path: "x", width: 3 }] }],
  "a column as wide as a house": ["#/stream/a?columns=x:99999", { streams: ["a"], columns: [{ path: "x", width: 400 }] }],
  "an unescaped column list that was escaped": ["#/stream/a?columns=status%3A8%2Cpath", { streams: ["a"], columns: [{ path: "status", width: 8 }, { path: "path" }] }],
  "no stream": ["#/stream/", {}],
  "something else": ["#section-3", {}],
  nothing: ["", {}],
};

for (const [what, [fragment, view]] of Object.entries(BENT)) {
  test(`an address with ${what} is understood`, () => {
    assert.deepEqual(readAddress(fragment), { view: { ...NO_VIEW, ...view } });
  });
}

test("a time without a zone is the reader's own, and is passed on as everybody's", () => {
  const time = new Date("2026-11-21T10:00").toISOString();
  assert.deepEqual(readAddress("#/stream/a?at=2026-11-21+10:00").view.at, { time });
  const midnight = new Date("2026-11-21T00:00").toISOString();
  assert.deepEqual(readAddress("#/stream/a?at=2026-11-21").view.at, { time: midnight });
});

test("a token is handed over, with where to go afterwards", () => {
  assert.deepEqual(readAddress("#token=a.b-c_d"), { token: "a.b-c_d", view: NO_VIEW });
  const to = encodeURIComponent(fragmentOf(FULL));
  assert.deepEqual(readAddress(`#token=a.b.c&to=${to}`), { token: "a.b.c", view: FULL });
});

test("an address is never too long, and says what it could not hold", () => {
  const long = { ...FULL, filter: "é".repeat(2_000) };
  const fragment = fragmentOf(long);
  assert.ok(fragment.length <= MOST_CHARACTERS);
  assert.deepEqual(readAddress(fragment).view, { ...NO_VIEW, streams: long.streams });
  assert.equal(fits(long), false);
  assert.equal(fits(FULL), true);
});

test("a link is the page's address with the view", () => {
  const location = { href: "https://logs.example.org/some/path/?x#/stream/old?filter=#" };
  assert.equal(linkOf(location, { ...NO_VIEW, streams: ["a"] }), "https://logs.example.org/some/path/?x#/stream/a");
  assert.equal(permalink(location, "payments/api", 7), "https://logs.example.org/some/path/?x#/stream/payments/api?at=payments/api:7");
});
