// What npm `centrifuge` does, unchanged, in Node.js and in a browser alike. Each scenario is an exported function of
// one world; it throws when something differs.
import * as channels from "./scenarios/channels.mjs";
import * as connections from "./scenarios/connections.mjs";
import * as recovery from "./scenarios/recovery.mjs";

export const scenarios = { ...channels, ...connections, ...recovery };
