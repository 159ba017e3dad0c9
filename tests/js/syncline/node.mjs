// Runs scenarios of devices in Node.js: names come in as lines, results go out as JSON lines.
//   node node.mjs <hub url> <backend url>
import { createInterface } from "node:readline";
import * as scenarios from "../scenarios/devices.mjs";
import { runScenario, World } from "./world.mjs";

const [hubUrl, backendUrl] = process.argv.slice(2);
for await (const name of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await runScenario(scenarios, name, new World({ hubUrl, backendUrl }))));
}
process.exit(0);
