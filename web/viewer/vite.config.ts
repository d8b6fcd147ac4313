import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { precompress } from "./build/precompress.ts";

export default defineConfig({
  // The page works under any path: addresses in it are relative.
  base: "./",
  plugins: [svelte(), precompress()],
  build: {
    target: "es2023",
    modulePreload: false,
    // Nothing in the page is a `data:` address, and scripts are files: the page's policy allows nothing else.
    assetsInlineLimit: 0,
  },
  worker: { format: "es" },
  server: { proxy: { "/v1": { target: process.env["TAILCAST_URL"] ?? "http://127.0.0.1:7440", ws: true } } },
});
