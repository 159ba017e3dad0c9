// The page that scenarios run in; it came from the application's backend.
import { foreign } from "./foreign.mjs";
import { scenarios } from "./scenarios.mjs";
import { runScenario } from "./world.mjs";

const all = { ...scenarios, ...foreign };

globalThis.runScenario = (name, wsUrl) => runScenario(all, name, { wsUrl, backendUrl: location.origin });
