// Whether the viewer works in other engines than Chromium's: npm run engines [-- WORD…]
//
// Runs the checks of engines/checks.mjs (those with one of the words in their name) in Firefox and in WebKit, Safari's engine, or in
// the one that ENGINE names. One that is not installed is a failure, which says how to install it. TAILCAST_TEST_BIN names the
// server's executable; PICTURES a folder in which each check leaves a picture of where it ended.

import assert from "node:assert/strict";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CHECKS } from "./engines/checks.mjs";
import * as firefox from "./engines/firefox.mjs";
import { Tab } from "./engines/tab.mjs";
import { Viewer } from "./engines/viewer.mjs";
import * as webkit from "./engines/webkit.mjs";
import { fresh, names } from "./lines.mjs";
import { startServer } from "./server.mjs";

const VIEWPORT = { width: 1180, height: 720 };
const { PICTURES, ENGINE } = process.env;
const words = process.argv.slice(2);
const wanted = Object.entries(CHECKS).filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)));

const engines = [firefox, webkit].filter(({ NAME }) => !ENGINE || NAME.toLowerCase() === ENGINE.toLowerCase());
if (engines.length === 0 || wanted.length === 0) failed(`nothing to try: there is no such ${engines.length === 0 ? "engine" : "check"}`);
for (const engine of engines) await tryIn(engine);

async function tryIn({ NAME, NEEDS, INSTALL, open }) {
  for (const file of NEEDS) {
    const missing = await access(file).then(() => false, () => true);
    if (missing) return failed(`${NAME} is not installed, and was not tried: there is no ${file}. On Debian: ${INSTALL}`);
  }
  const server = await startServer();
  try {
    const engine = await open(VIEWPORT);
    console.log(`${NAME} ${engine.version}`);
    try {
      for (const [name, check] of wanted) await tell(engine, server, NAME, name, check);
    } finally {
      await engine.close();
    }
  } finally {
    await server.close();
  }
}

async function tell(engine, server, engineName, name, check) {
  const began = performance.now();
  const tab = new Tab(engine);
  const stream = fresh();
  const send = (from, to) => server.send(stream, names(from, to));
  try {
    await check({ tab, viewer: new Viewer(tab, server), server, stream, send });
    assert.deepEqual(await engine.wrongs(), [], "errors of scripts, and what the page's policy refused");
    console.log(`  ✓ ${name} (${Math.round(performance.now() - began)} ms)`);
  } catch (error) {
    await engine.wrongs();
    failed(`  ✗ ${name}\n${error.stack}`);
  }
  // What one check likes is nothing to the next.
  await tab.run(() => localStorage.clear());
  if (PICTURES) {
    await mkdir(PICTURES, { recursive: true });
    await writeFile(join(PICTURES, `${engineName}-${name.split(/\W+/).slice(0, 3).join("-")}.png`.toLowerCase()), await engine.picture());
  }
}

function failed(why) {
  console.error(why);
  process.exitCode = 1;
}
