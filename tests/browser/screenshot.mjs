// Takes the README's picture: node screenshot.mjs URL FILE
//
// URL is the viewer's address with `#token=` in it, and after `&stream=` the stream or pattern to show (else the first
// one in the list). The picture is taken once the view is live. TAILCAST_SCREENSHOT=dark takes it in dark.

import { openBrowser } from "./browser.mjs";

const [address, file] = process.argv.slice(2);
if (!address?.includes("#token=") || !file) {
  console.error("usage: node screenshot.mjs 'http://127.0.0.1:7440/#token=TOKEN&stream=payments/api' FILE.png");
  process.exit(2);
}

const stream = /[&]stream=([^&]+)/.exec(address)?.[1];
const browser = await openBrowser({
  viewport: { width: 1280, height: 720 },
  colorScheme: process.env.TAILCAST_SCREENSHOT === "dark" ? "dark" : "light",
});
try {
  const viewer = await browser.open(address);
  await viewer.page.locator("#streams a:not(.typed)").first().waitFor();
  const name = stream ?? (await viewer.page.locator("#streams a:not(.typed)").first().getAttribute("data-names"));
  await viewer.page.evaluate((name) => (location.hash = `#/stream/${name}`), decodeURIComponent(name));
  await viewer.waitForState(/^live$/);
  await viewer.page.mouse.move(640, 5);
  await viewer.page.screenshot({ path: file });
} finally {
  await browser.close();
}
