// What is committed of the client library and of the viewer is what their sources say.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CLIENT = join(ROOT, "web/client");
const VIEWER = join(ROOT, "web/viewer");
const TSC = join(CLIENT, "node_modules/typescript/bin/tsc");
const VITE = join(VIEWER, "node_modules/vite/bin/vite.js");

test("web/client/dist is what `npm run build` makes", async () => {
  const fresh = await mkdtemp(join(tmpdir(), "tailcast-client-"));
  try {
    await tsc("-p", CLIENT, "--outDir", fresh);
    assert.deepEqual(texts(await contents(join(CLIENT, "dist"))), texts(await contents(fresh)));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
});

test("web/client/bundle is what `npm run build` makes", async () => {
  const fresh = await mkdtemp(join(tmpdir(), "tailcast-bundle-"));
  try {
    await vite("build", "--config", "library.config.ts", "--outDir", fresh, "--logLevel", "error");
    const made = await contents(fresh);
    const sources = (files) => files.filter(([name]) => name.endsWith(".js")).map(([name, content]) => [name, String(content)]);
    assert.deepEqual(sources(await contents(join(CLIENT, "bundle"))), sources(made));
    assert.deepEqual((await contents(join(CLIENT, "bundle"))).map(([name]) => name), made.map(([name]) => name));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
});

test("web/viewer/dist is what `npm run build` makes, wherever it is made", async () => {
  const fresh = await mkdtemp(join(tmpdir(), "tailcast-viewer-"));
  try {
    await vite("build", "--outDir", fresh, "--logLevel", "error");
    const made = new Map(await contents(fresh));
    const committed = new Map(await contents(join(VIEWER, "dist")));
    assert.deepEqual([...committed.keys()], [...made.keys()]);
    for (const [name, content] of committed) {
      // Another Node may compress the same otherwise.
      const [, plain, form] = /^(.+?)(\.br|\.gz)?$/.exec(name);
      assert.ok(FORMS[form](content).equals(made.get(plain)), `${name} is another one`);
      assert.ok(!content.includes(ROOT), `${name} names a folder of this machine`);
    }
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
});

const FORMS = { undefined: (content) => content, ".br": brotliDecompressSync, ".gz": gunzipSync };

const texts = (files) => files.map(([name, content]) => [name, String(content)]);
const tsc = (...args) => run(CLIENT, TSC, args);
const vite = (...args) => run(VIEWER, VITE, args);

async function run(folder, program, args) {
  await promisify(execFile)(process.execPath, [program, ...args], { cwd: folder }).catch((error) => {
    throw new Error(`${error.stdout || error.stderr || error.message} (npm ci in ${folder} installs it)`);
  });
}

/** Every file's path in the folder, and what it holds. */
async function contents(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Promise.all(paths.toSorted().map(async (path) => [relative(folder, path), await readFile(path)]));
}

test("the examples in the client's README are good TypeScript", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tailcast-examples-"));
  try {
    const text = await readFile(join(CLIENT, "README.md"), "utf8");
    const examples = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
    assert.ok(examples.length > 2);
    await Promise.all(examples.map((code, i) => writeFile(join(folder, `${i}.ts`), code)));
    const compilerOptions = {
      target: "ES2022", module: "ES2022", moduleResolution: "bundler", lib: ["ES2022", "DOM"], types: [], strict: true, noEmit: true,
      paths: { "tailcast-client": [join(CLIENT, "dist/tailcast.d.ts")] },
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
    await tsc("-p", folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
