import { fetchConfig, type DemoConfig } from "./backend.js";
import { showBackendPanel } from "./backend_panel.js";
import { compareReaders } from "./convergence.js";
import { SendTimes } from "./message.js";
import { Pane, type PaneObserver } from "./pane.js";
import { part } from "./part.js";
import { Story } from "./story.js";
import { WireLog } from "./wire_log.js";

function showConvergence(left: Pane, right: Pane): void {
  const { state, sentence } = compareReaders(left.participant, right.participant);
  const line = part(document, "convergence", HTMLParagraphElement);
  line.dataset["state"] = state;
  // Unchanged text stays untouched, so that screen readers don't repeat it.
  if (line.textContent !== sentence) line.textContent = sentence;
}

function start(config: DemoConfig): void {
  const log = new WireLog(document);
  const sendTimes = new SendTimes();
  const observer: PaneObserver = {
    handleProgress: () => showConvergence(ada, grace),
    handleWire: (name, event) => log.add(name, event),
  };
  const ada = new Pane("ada", config, sendTimes, observer);
  const grace = new Pane("grace", config, sendTimes, observer);
  part(document, "panes", HTMLDivElement).replaceChildren(ada.root, grace.root);
  const button = part(document, "story", HTMLButtonElement);
  new Story(button, part(document, "caption", HTMLParagraphElement), ada, grace);
  showBackendPanel(document, config);
  ada.participant.start();
  grace.participant.start();
}

function showFailure(failure: unknown): void {
  const line = part(document, "convergence", HTMLParagraphElement);
  line.dataset["state"] = "apart";
  line.textContent = `The demo could not start. ${failure instanceof Error ? failure.message : String(failure)}`;
}

fetchConfig().then(start).catch(showFailure);
