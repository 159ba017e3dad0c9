// Runs scenarios in Chromium, each in a page of its own: "<scenario> <page url>" comes in as lines, results go out as
// JSON lines.
//   node chromium.mjs <WebSocket url>
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { launchOptions } from "./launch.mjs";

const [wsUrl] = process.argv.slice(2);
const browser = await chromium.launch(launchOptions);

async function run(name, pageUrl) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(pageUrl);
    const result = await page.evaluate(([scenario, url]) => globalThis.runScenario(scenario, url), [name, wsUrl]);
    return { ...result, failure: result.failure ?? (complaints.join("\n") || null) };
  } finally {
    await context.close();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await run(...line.split(" "))));
}
await browser.close();
