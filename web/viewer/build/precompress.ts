// Puts a `.br` and a `.gz` beside every built file, so that neither cargo nor the server compresses anything.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** Of the ten bytes at gzip's start, the one that names the system it was made on (RFC 1952); 255 is none. */
const GZIP_SYSTEM = 9;

export function precompress(): Plugin {
  return {
    name: "precompress",
    apply: "build",
    async writeBundle({ dir }, bundle) {
      if (dir === undefined) throw new Error("the page is built into a folder");
      await Promise.all(Object.keys(bundle).map((name) => compress(join(dir, name))));
    },
  };
}

async function compress(path: string): Promise<void> {
  const content = await readFile(path);
  await Promise.all([writeFile(`${path}.br`, brotli(content)), writeFile(`${path}.gz`, gzip(content))]);
}

function brotli(content: Buffer): Buffer {
  return brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
}

/** The same bytes on every system: zlib writes no time, and here goes its name. */
function gzip(content: Buffer): Buffer {
  const made = gzipSync(content, { level: constants.Z_BEST_COMPRESSION });
  made[GZIP_SYSTEM] = 255;
  return made;
}
