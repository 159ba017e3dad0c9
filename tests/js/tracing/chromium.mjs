// Pages in Chromium, driven from outside: lines of JSON [page, function, ...arguments] come in, {result, failure} goes
// out. A page is opened by its first line, in a browser context of its own.
//   node chromium.mjs <page url>
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { launchOptions } from "../launch.mjs";

const [pageUrl] = process.argv.slice(2);
const browser = await chromium.launch(launchOptions);
const pages = new Map();
const complaints = [];

async function open() {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error.stack ?? error)));
  await page.goto(pageUrl);
  return page;
}

async function run([name, call, ...given]) {
  if (!pages.has(name)) pages.set(name, await open());
  const result = await pages.get(name).evaluate(([what, rest]) => globalThis.app[what](...rest), [call, given]);
  if (complaints.length) throw new Error(complaints.splice(0).join("\n"));
  return result;
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await run(JSON.parse(line)).then(
    (result) => ({ result: result ?? null, failure: null }),
    (error) => ({ result: null, failure: String(error.stack ?? error) }),
  );
  console.log(JSON.stringify(answer));
}
await browser.close();
