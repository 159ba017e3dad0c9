import { SynclineError } from "syncline";
import { demoAccount, type DemoAccount } from "./account.js";
import { fetchConfig, type DemoConfig } from "./backend.js";
import { BackendPanel } from "./backend_panel.js";
import { compareDevices } from "./convergence.js";
import type { DeviceModel } from "./device.js";
import { Pane, type PaneObserver } from "./pane.js";
import { part, say } from "./part.js";
import { reasonOf } from "./sentences.js";
import { SignOutClock } from "./sign_out_clock.js";
import { Story } from "./story.js";
import { WireLog } from "./wire_log.js";

const models: readonly [DeviceModel, DeviceModel] = [
  { key: "laptop", name: "Ada's laptop", platform: "Laptop" },
  { key: "phone", name: "Ada's phone", platform: "Phone" },
];

/** "3 min ago" grows old by itself. */
const refreshMs = 30_000;

/** The two devices, and what the page says of both. */
class Page implements PaneObserver {
  private readonly log = new WireLog(document);
  private readonly backend: BackendPanel;
  private readonly panes: readonly [Pane, Pane];

  constructor(config: DemoConfig, account: DemoAccount) {
    const clock = new SignOutClock();
    const [laptop, phone] = models.map((model) => new Pane(model, config, account, clock, this));
    this.panes = [laptop!, phone!];
    this.backend = new BackendPanel(document, config);
    part(document, "panes", HTMLDivElement).replaceChildren(...this.panes.map(({ root }) => root));
    part(document, "user", HTMLElement).textContent = account.email;
    setInterval(() => this.panes.forEach((pane) => pane.handleChange()), refreshMs);
  }

  async start(isNew: boolean): Promise<void> {
    const [laptop, phone] = this.panes;
    if (isNew) await laptop.device.register();
    await Promise.all([laptop.device.start(), phone.device.start()]);
    const button = part(document, "story", HTMLButtonElement);
    new Story(button, part(document, "caption", HTMLParagraphElement), laptop, phone);
    button.disabled = false;
  }

  handleChange(): void {
    const [laptop, phone] = this.panes;
    const { state, sentence } = compareDevices(laptop.device.holding, phone.device.holding);
    showConvergence(state, sentence);
    this.backend.show(laptop.device.userId ?? phone.device.userId);
  }

  handleWire(...event: Parameters<PaneObserver["handleWire"]>): void {
    this.log.add(...event);
  }
}

function showConvergence(state: string, sentence: string): void {
  const line = part(document, "convergence", HTMLParagraphElement);
  line.dataset["state"] = state;
  say(line, sentence);
}

async function start(): Promise<void> {
  const config = await fetchConfig();
  const account = await demoAccount(sessionStorage, navigator.locks as LockManager | undefined);
  await new Page(config, account).start(account.isNew);
}

function describeFailure(failure: unknown): string {
  const hasNoAccounts = failure instanceof SynclineError && failure.status === 404;
  return hasNoAccounts ? "This server has no accounts: accounts.enabled is off." : `${reasonOf(failure)}.`;
}

start().catch((failure: unknown) => showConvergence("apart", `The demo could not start. ${describeFailure(failure)}`));
