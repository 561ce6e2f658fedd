#!/usr/bin/env node
// Opens the publishing page in a headless Chromium and keeps it open.
//
//   node publish.mjs http://127.0.0.1:PORT 'room=demo&peer=cam&codec=h264'
//
// Prints one line of JSON once media arrives at the SFU. Then every line on standard input is an action
// with its argument ("pause audio", "resume audio", "close video", "open video", "leave"), answered by a
// line of JSON. Ends when standard input closes or on SIGTERM. CHROMIUM names another browser.

import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
  "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
];

const [base, query = ""] = process.argv.slice(2);
if (!base) {
  console.error("usage: publish.mjs http://HOST:PORT 'room=demo&codec=h264&...'");
  process.exit(2);
}

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: FLAGS,
});
let ending = false;
const end = async (code) => {
  if (ending) return;
  ending = true;
  await browser.close().catch(() => {});
  process.exit(code);
};
process.on("SIGTERM", () => end(0));
process.on("SIGINT", () => end(0));

const page = await browser.newPage();
page.on("pageerror", (error) => console.error(String(error)));
page.on("console", (message) => message.type() === "error" && console.error(message.text()));
try {
  await page.goto(`${base}/publish?${query}`);
  await page.waitForFunction(() => window.publishing !== undefined, undefined, { timeout: 10_000 });
  const limit = new Promise((_, reject) => setTimeout(() => reject(new Error("no media arrived in 30 s")), 30_000));
  say(await Promise.race([page.evaluate(() => window.publishing), limit]));
} catch (error) {
  say({ publishing: false, error: String(error) });
  await end(1);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [action, kind] = line.trim().split(/\s+/);
  if (!action) continue;
  try {
    await page.evaluate(([action, kind]) => window.actions[action](kind), [action, kind]);
    say({ done: line.trim() });
  } catch (error) {
    say({ failed: line.trim(), error: String(error) });
  }
}
await end(0);
