// Runs scenarios in Node.js: names come in as lines, results go out as JSON lines.
//   node node.mjs <WebSocket url> <backend url>
import { createInterface } from "node:readline";
import WebSocket from "ws";
import { scenarios } from "./scenarios.mjs";
import { runScenario } from "./world.mjs";

const [wsUrl, backendUrl] = process.argv.slice(2);
const settings = { wsUrl, backendUrl, options: { websocket: WebSocket } };
for await (const name of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await runScenario(scenarios, name, settings)));
}
process.exit(0);
