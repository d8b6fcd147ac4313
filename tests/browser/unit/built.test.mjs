// What is committed of the client library is what its sources say.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const CLIENT = fileURLToPath(new URL("../../../web/client/", import.meta.url));
const TSC = join(CLIENT, "node_modules/typescript/bin/tsc");

test("web/client/dist is what `npm run build` makes", async () => {
  const fresh = await mkdtemp(join(tmpdir(), "tailcast-client-"));
  try {
    await tsc("-p", CLIENT, "--outDir", fresh);
    assert.deepEqual(await contents(join(CLIENT, "dist")), await contents(fresh));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
});

async function tsc(...args) {
  await promisify(execFile)(process.execPath, [TSC, ...args]).catch((error) => {
    throw new Error(`tsc: ${error.stdout || error.message} (npm ci in web/client installs it)`);
  });
}

async function contents(folder) {
  const names = (await readdir(folder)).toSorted();
  return Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")]));
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
