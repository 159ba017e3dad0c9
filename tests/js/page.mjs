// The page that scenarios run in; it came from the application's backend.
import { scenarios } from "./scenarios.mjs";
import * as foreign from "./scenarios/foreign_origin.mjs";
import { runScenario } from "./world.mjs";

const all = { ...scenarios, ...foreign };

globalThis.runScenario = (name, wsUrl) => runScenario(all, name, { wsUrl, backendUrl: location.origin });
