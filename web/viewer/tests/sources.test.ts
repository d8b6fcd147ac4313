// How the sources of the page and of the client library stand together.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../", import.meta.url));
const FOLDERS = ["client/src", "viewer/src"];
const LONGEST_LINE = 140;
const IMPORT = /^\s*(?:import|export)\s[^;]*?from\s+"(\.[^"]+)";/gms;

/** Each source file's text, by its path. */
async function sources(): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const folder of FOLDERS) {
    for (const entry of await readdir(join(WEB, folder), { recursive: true, withFileTypes: true })) {
      if (!/\.(ts|svelte|css)$/.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      texts.set(path, await readFile(path, "utf8"));
    }
  }
  assert.ok(texts.size > 100);
  return texts;
}

function importsOf(path: string, text: string, known: ReadonlyMap<string, unknown>): string[] {
  const names = [...text.matchAll(IMPORT)].map(([, name = ""]) => name.replace(/\?.*$/, ""));
  return names.filter((name) => !name.endsWith(".svg")).map((name) => {
    const found = resolve(dirname(path), name);
    const source = known.has(found) ? found : found.replace(/\.js$/, ".ts");
    assert.ok(known.has(source), `${path} imports ${name}, which is no file`);
    return source;
  });
}

test("no file needs itself through others, not even for a type", async () => {
  const texts = await sources();
  const imports = new Map([...texts].map(([path, text]) => [path, importsOf(path, text, texts)]));
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]): void => {
    assert.ok(!way.includes(path), [...way, path].map((one) => relative(WEB, one)).join(" -> "));
    if (done.has(path)) return;
    for (const next of imports.get(path) ?? []) walk(next, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
});

test("a line of the sources can be read without turning one's head", async () => {
  const long = [...(await sources())].flatMap(([path, text]) =>
    text.split("\n").flatMap((line, i) => (line.length > LONGEST_LINE ? [`${relative(WEB, path)}:${i + 1}`] : [])),
  );
  assert.deepEqual(long, []);
});
