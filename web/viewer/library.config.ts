// The client library as one file, which the server serves at /client/v1/tailcast.js.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const CLIENT = fileURLToPath(new URL("../client/", import.meta.url));

export default defineConfig({
  publicDir: false,
  build: {
    outDir: `${CLIENT}bundle`,
    emptyOutDir: true,
    target: "es2022",
    // People read it, and the map leads to the sources.
    minify: false,
    sourcemap: true,
    lib: { entry: `${CLIENT}src/tailcast.ts`, formats: ["es"], fileName: () => "tailcast.js" },
  },
});
