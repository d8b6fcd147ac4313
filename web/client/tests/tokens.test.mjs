import assert from "node:assert/strict";
import { test } from "node:test";
import { Tokens, hasEnded } from "../dist/tokens.js";

test("a provider is asked once at a time, and only when there is need", async () => {
  const asked = [];
  let number = 0;
  const tokens = new Tokens((reason) => {
    asked.push(reason);
    return Promise.resolve(`token ${(number += 1)}`);
  });
  assert.deepEqual(await Promise.all([tokens.get(), tokens.get()]), ["token 1", "token 1"]);
  assert.equal(await tokens.renew(), "token 2");
  tokens.drop("token 1", "refused");
  assert.equal(await tokens.get(), "token 2", "the one that was refused is not the one in use");
  tokens.drop("token 2", "refused");
  assert.equal(await tokens.get(), "token 3");
  assert.deepEqual(asked, ["first", "expiring", "refused"]);
});

test("a provider that fails may be asked again, one that has no other may not", async () => {
  const answers = [new Error("down"), "a", "a", undefined];
  const tokens = new Tokens(() => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  });
  await assert.rejects(tokens.get(), { code: "away", message: "A token could not be had: down." });
  assert.equal(await tokens.get(), "a");
  tokens.drop("a", "refused");
  await assert.rejects(tokens.get(), { code: "no_token" });
  await assert.rejects(tokens.get(), { code: "no_token" });
});

test("a token that ended and is given again means that there is no other, one that was only doubted is good enough", async () => {
  const tokens = new Tokens(() => "a");
  assert.equal(await tokens.get(), "a");
  tokens.doubt("a");
  assert.equal(await tokens.get(), "a");
  tokens.drop("a", "expiring");
  await assert.rejects(tokens.get(), { code: "no_token" });
});

test("a token alone is the only one", async () => {
  const tokens = new Tokens("a");
  tokens.drop("a", "refused");
  assert.deepEqual([await tokens.get(), tokens.renewable], ["a", false]);
});

test("a token tells whether it has ended, as far as two clocks agree", () => {
  const token = `h.${Buffer.from(JSON.stringify({ sub: "\u{1f642}?>", exp: 1_000 })).toString("base64url")}.s`;
  assert.deepEqual([1_000_000, 1_030_000, 1_030_001].map((now) => hasEnded(token, now)), [false, false, true]);
  for (const other of ["", "a.b", "a.!.c", "a.bnVsbA.c"]) assert.equal(hasEnded(other, 1e15), false);
});

test("a provider hears the reason that is so: a server that cannot be reached says nothing of a token's end", async () => {
  const reasons = [];
  const tokens = new Tokens((reason) => {
    reasons.push(reason);
    return "a";
  });
  await tokens.get();
  tokens.doubt("a");
  await tokens.get();
  assert.deepEqual(reasons, ["first", "unreachable"]);
});
