// Saved views: over the wire and back, what differs, what two pages do to one view, and links that lead nowhere.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fragmentOf, NO_VIEW, readAddress, type View } from "../src/address/view.ts";
import { fromServer, isSamePlace, isSameView, newId, type SavedView, tidyName, toServer, type ViewContent } from "../src/views/saved.ts";
import { ViewsError, ViewsServer } from "../src/views/server.ts";
import { Views } from "../src/views/views.svelte.ts";

const ID = "0Yk3vPq1QyO7uJd2cXb8Ag";
const OTHER = "zYk3vPq1QyO7uJd2cXb8Az";

const VIEW: View = {
  streams: ["payments/**", "@me"],
  filter: "level>=warn",
  columns: [{ path: "user.id", width: 12 }, { path: "status" }],
  hidden: ["payments/noise"],
  at: { stream: "payments/api", offset: 7 },
  find: "boom",
};

test("a view goes over the wire and comes back whole", () => {
  const told = { id: ID, version: "3", own: true, ...(toServer({ name: "errors", shared: true, view: VIEW }) as object) };
  const saved = fromServer(JSON.parse(JSON.stringify(told)));
  assert.deepEqual(saved, { id: ID, version: "3", own: true, name: "errors", shared: true, view: { ...VIEW, saved: ID } });
  const least = fromServer({ id: ID, version: "1", own: false, name: "x", shared: false, streams: ["a"] });
  assert.deepEqual(least?.view, { ...NO_VIEW, streams: ["a"], saved: ID });
});

test("what does not look like a view is none, and nothing of it is followed", () => {
  for (const answer of [undefined, null, 7, [], {}, { id: "../x", version: "1", name: "x", streams: ["a"] }, { id: ID, version: "1", name: "x", streams: [] }]) {
    assert.equal(fromServer(answer), undefined);
  }
  const odd = fromServer({ id: ID, version: "1", name: "x", streams: ["a", 7], columns: [null, { path: 1 }], at: { time: "never" }, find: {} });
  assert.deepEqual(odd?.view, { ...NO_VIEW, streams: ["a"], saved: ID });
});

test("an id is 128 random bits that an address can hold", () => {
  const ids = new Set(Array.from({ length: 100 }, newId));
  assert.equal(ids.size, 100);
  for (const id of ids) assert.equal(readAddress(fragmentOf({ ...NO_VIEW, saved: id })).view.saved, id);
});

test("the address of a saved view is its id, and of a changed one all of it with the id", () => {
  assert.equal(fragmentOf({ ...NO_VIEW, saved: ID }), `#view=${ID}`);
  assert.deepEqual(readAddress(`#view=${ID}`).view, { ...NO_VIEW, saved: ID });
  assert.deepEqual(readAddress(`#view=${ID}).`).view, { ...NO_VIEW, saved: ID }, "as programs bend it");
  const changed = { ...NO_VIEW, streams: ["a"], filter: "x", saved: ID };
  assert.equal(fragmentOf(changed), `#/stream/a?filter=x&view=${ID}`);
  assert.deepEqual(readAddress(fragmentOf(changed)).view, changed);
  assert.deepEqual(readAddress("#view=short").view, NO_VIEW);
  assert.deepEqual(readAddress("#/stream/a?view=short").view, { ...NO_VIEW, streams: ["a"] });
});

test("a name is what a person typed, without what nobody sees", () => {
  assert.equal(tidyName("  slow \n requests\u0007 "), "slow requests");
  assert.equal(tidyName("🦀".repeat(200)), "🦀".repeat(100));
  assert.equal(tidyName(" \t "), "");
});

test("what is shown differs by what is shown, and not by where the reader is or how it is written", () => {
  const same = { ...VIEW, saved: ID, hidden: [...VIEW.hidden], filter: " level>=warn " };
  assert.ok(isSameView(VIEW, same) && isSamePlace(VIEW, same));
  const { at: _at, ...live } = VIEW;
  assert.ok(isSameView(VIEW, live) && !isSamePlace(VIEW, live));
  for (const other of [
    { ...VIEW, streams: ["payments/**"] },
    { ...VIEW, filter: "" },
    { ...VIEW, columns: [{ path: "user.id" }, { path: "status" }] },
    { ...VIEW, hidden: [] },
    { ...VIEW, find: "bang" },
  ]) assert.ok(!isSameView(VIEW, other));
});

/** A server that keeps views, and lets another page change them. */
class Server {
  readonly kept = new Map<string, SavedView>();
  #version = 0;
  away = false;
  /** Keeps what it is given, and does not say so. */
  silent = false;

  async list(): Promise<readonly SavedView[]> {
    this.#reached();
    return [...this.kept.values()].filter(({ own }) => own);
  }

  async read(id: string): Promise<SavedView> {
    this.#reached();
    const kept = this.kept.get(id);
    if (!kept) throw new ViewsError("view_not_found", "There is no such view.");
    return kept;
  }

  async write(id: string, content: ViewContent, version?: string): Promise<SavedView> {
    this.#reached();
    const kept = this.kept.get(id);
    if (kept?.version !== version) throw new ViewsError("view_changed", "It was changed.");
    this.#version += 1;
    const { name, shared, view } = content;
    const written = { id, version: `${this.#version}`, own: true, name, shared, view: { ...view, saved: id } };
    this.kept.set(id, written);
    if (this.silent) throw new ViewsError("unavailable", "The store does not answer.", false);
    return written;
  }

  async delete(id: string, version: string): Promise<void> {
    this.#reached();
    const kept = this.kept.get(id);
    if (!kept) throw new ViewsError("view_not_found", "There is no such view.");
    if (kept.version !== version) throw new ViewsError("view_changed", "It was changed.");
    this.kept.delete(id);
  }

  #reached(): void {
    if (this.away) throw new ViewsError("unreachable", "The server cannot be reached.", false);
  }
}

function desk() {
  const server = new Server();
  const ids = [ID, OTHER];
  const make = () => new Views(server, () => ids.shift() ?? newId());
  return { server, make };
}

test("a view is saved, changed, overwritten, renamed, shared and deleted", async () => {
  const { server, make } = desk();
  const views = make();
  const saved = await views.save(" warnings ", VIEW);
  assert.equal(saved?.name, "warnings");
  assert.equal(views.opened, saved);
  const changed = { ...saved.view, filter: "level>=error" };
  assert.ok(!views.differs(saved.view) && views.differs(changed));
  const written = await views.overwrite(saved, changed);
  assert.ok(written && !views.differs(changed));
  const renamed = await views.rename(written, "errors");
  const shared = renamed && (await views.share(renamed, true));
  assert.deepEqual([shared?.name, shared?.shared, shared?.view.filter], ["errors", true, "level>=error"]);
  assert.deepEqual(views.list?.map(({ name }) => name), ["errors"]);
  assert.ok(shared && (await views.remove(shared)));
  assert.deepEqual([views.list, views.opened, server.kept.size, views.problem], [[], undefined, 0, undefined]);
});

test("of two pages that change one view the second is told, and sees what it is now", async () => {
  const { make } = desk();
  const [one, two] = [make(), make()];
  const saved = (await one.save("shared view", VIEW)) as SavedView;
  await two.find(saved.id);
  await one.rename(saved, "first");
  assert.equal(await two.overwrite(two.opened as SavedView, { ...VIEW, filter: "x" }), undefined);
  assert.match(two.problem ?? "", /Another page has changed “first” meanwhile/);
  assert.equal(two.opened?.name, "first");
  assert.ok(await two.overwrite(two.opened as SavedView, { ...VIEW, filter: "x" }), "it can be done again");
  assert.equal(two.problem, undefined);
  await one.refresh();
  await one.remove(one.list?.[0] as SavedView);
  assert.equal(await two.rename(two.opened as SavedView, "late"), undefined);
  assert.match(two.problem ?? "", /deleted this view/);
});

test("a link that leads nowhere says so, and one that could not be asked about can be asked again", async () => {
  const { server, make } = desk();
  const views = make();
  assert.equal(await views.find(ID), undefined);
  assert.match(views.lost?.message ?? "", /leads to no saved view/);
  assert.equal(views.lost?.again, false);
  server.away = true;
  assert.equal(await views.find(ID), undefined);
  assert.deepEqual([views.lost?.again, views.lost?.message], [true, "The saved view cannot be opened: The server cannot be reached."]);
  server.away = false;
  await make().save("there now", VIEW);
  assert.equal((await views.find(ID))?.name, "there now");
  assert.equal(views.lost, undefined);
});

test("nothing pretends to be kept that is not, and another reader sees nothing of it", async () => {
  const { server, make } = desk();
  const views = make();
  assert.equal(await views.save("   ", VIEW), undefined);
  assert.match(views.problem ?? "", /needs a name/);
  server.away = true;
  assert.equal(await views.save("x", VIEW), undefined);
  assert.deepEqual([views.list, views.opened, views.problem], [undefined, undefined, "The server cannot be reached."]);
  server.away = false;
  await views.save("x", VIEW);
  const late = views.find(ID);
  views.forget();
  assert.equal(await late, undefined);
  assert.deepEqual([views.list, views.opened, views.problem, views.lost], [undefined, undefined, undefined, undefined]);
});

test("the server is asked with the token, and what it says against it is a sentence", async () => {
  const asked: [string, RequestInit][] = [];
  const answers: Response[] = [];
  const base = new URL("https://logs.example.org/under/");
  const server = new ViewsServer({
    base,
    token: () => "aa.bb.cc",
    fetch: async (url, init) => {
      asked.push([String(url), init ?? {}]);
      const answer = answers.shift();
      if (!answer) throw new TypeError("no network");
      return answer;
    },
  });
  const problem = JSON.stringify({ code: "too_many_views", detail: "there are 200 views already" });
  answers.push(new Response(problem, { status: 409 }), new Response(null, { status: 204 }), new Response("<html>", { status: 502 }));
  await assert.rejects(server.write(ID, { name: "x", shared: false, view: VIEW }, "7"), new ViewsError("too_many_views", "There are 200 views already."));
  await server.delete(ID, "8");
  await assert.rejects(server.list(), { code: "status_502" });
  await assert.rejects(server.read(ID), { code: "unreachable" });
  const [url, init] = asked[0] as [string, RequestInit];
  assert.equal(url, `https://logs.example.org/under/v1/views/${ID}`);
  assert.deepEqual(init.headers, { "content-type": "application/json", "if-match": '"7"', authorization: "Bearer aa.bb.cc" });
  const nobody = new ViewsServer({ base, token: () => undefined });
  await assert.rejects(nobody.list(), { code: "no_token" });
});

test("a view whose keeping was not answered is kept once, as the page shows it when it is asked for again", async () => {
  const { server, make } = desk();
  const views = make();
  server.silent = true;
  assert.equal(await views.save("errors", VIEW), undefined);
  assert.equal(views.problem, "The store does not answer.");
  server.silent = false;
  const saved = await views.save("errors", { ...VIEW, filter: "level>=error" });
  assert.equal(saved?.view.filter, "level>=error");
  assert.deepEqual([...server.kept.keys()], [ID]);
  assert.deepEqual(views.list?.map(({ name }) => name), ["errors"]);
  assert.equal(views.problem, undefined);
  // Once it is answered, another of that name is another.
  await views.save("errors", VIEW);
  assert.deepEqual([...server.kept.keys()], [ID, OTHER]);
});

test("of two that are asked for at once under one name there is one", async () => {
  const { server, make } = desk();
  const views = make();
  await Promise.all([views.save("errors", VIEW), views.save("errors", VIEW)]);
  assert.deepEqual([...server.kept.keys()], [ID]);
});

test("nobody is told what was refused to the reader before", async () => {
  const { server, make } = desk();
  const first = make();
  const saved = await first.save("secret plans", VIEW);
  assert.ok(saved);
  await make().rename((await server.read(ID)) as SavedView, "changed meanwhile");
  for (const late of [() => first.rename(saved, "x"), () => first.remove(saved), () => first.keep("y", VIEW)]) {
    const pending = late();
    first.forget();
    await pending;
    assert.deepEqual([first.problem, first.list, first.opened], [undefined, undefined, undefined]);
  }
});
