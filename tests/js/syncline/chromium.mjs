// Runs scenarios of tabs in Chromium: "<scenario> <way>" comes in as lines, results go out as JSON lines.
//   node chromium.mjs <hub url> <page url>
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { launchOptions } from "../launch.mjs";
import * as sharedWorker from "../scenarios/shared_worker.mjs";
import * as tabs from "../scenarios/tabs.mjs";
import * as tabsThatTalk from "../scenarios/tabs_that_talk.mjs";
import { World } from "./browser.mjs";

const scenarios = { ...tabs, ...tabsThatTalk, ...sharedWorker };
const [hubUrl, pageUrl] = process.argv.slice(2);
const browser = await chromium.launch(launchOptions);

async function run(name, way) {
  const world = new World(browser, { hubUrl, pageUrl });
  let failure = null;
  try {
    await world.register();
    await scenarios[name](world, way);
    failure = world.complaints.join("\n") || null;
  } catch (error) {
    failure = [String(error?.stack ?? JSON.stringify(error)), ...world.complaints].join("\n");
  } finally {
    await world.end();
  }
  return { scenario: name, failure };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await run(...line.split(" "))));
}
await browser.close();
