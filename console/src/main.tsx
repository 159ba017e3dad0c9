import { render } from "preact";
import { App } from "./app.js";
import { startLive } from "./live.js";
import { startSession } from "./session.js";
import { fetchSite } from "./site.js";
import { applyTheme } from "./theme.js";

applyTheme();
render(<App />, document.getElementById("app")!);
void fetchSite()
  .then(({ websocket }) => startSession(websocket))
  .then(startLive);
