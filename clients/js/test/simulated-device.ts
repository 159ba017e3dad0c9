import { Replica, type Outcome, type ReplicaRecord } from "../src/replica.js";
import type { Published, SimulatedServer } from "./simulated-server.js";

let lastId = 0;

/** What becomes of an answer on its way. */
export type Fate = "arrives" | "is lost";

/** A device whose wire is in the hands of the test. */
export class SimulatedDevice {
  replica: Replica;
  readonly outcomes: Outcome[] = [];
  readonly inbox: Published[] = [];

  constructor(private readonly server: SimulatedServer) {
    this.replica = new Replica(() => `m${++lastId}`);
    server.subscribe((change) => this.inbox.push(structuredClone(change)));
  }

  note(outcome: Promise<Outcome> | null): void {
    void outcome?.then((settled) => this.outcomes.push(settled));
  }

  /** Everything that is not stored is lost. */
  reload(): void {
    const stored = JSON.parse(JSON.stringify(this.replica.record)) as ReplicaRecord;
    this.replica = new Replica(() => `m${++lastId}`, stored);
    this.inbox.length = 0;
  }

  /** Take one message from the inbox; it may stay there, to come again. */
  hear(index: number, comesAgain: boolean): void {
    if (!this.inbox.length) return;
    const at = index % this.inbox.length;
    const change = this.inbox[at] as Published;
    if (!comesAgain) this.inbox.splice(at, 1);
    this.replica.receive(change);
  }

  /** Whatever is published meanwhile comes between question and answer. */
  ask(meanwhile: () => void = () => undefined): void {
    const need = this.replica.ask();
    if (need === "nothing") return;
    const changes = structuredClone(this.server.changes(this.replica.confirmed.version));
    const document = structuredClone(this.server.document);
    meanwhile();
    if (need === "changes") this.replica.takeChanges(changes);
    else this.replica.takeDocument(document);
  }

  send(fate: Fate, nowMs = 0): void {
    const sending = this.replica.prepare(nowMs);
    if (!sending) return;
    const answer = this.server.mutate(structuredClone(sending));
    if (fate === "is lost") return;
    if ("refused" in answer) this.replica.refuse(sending.id, new Error("refused"));
    else if ("conflict" in answer)
      this.replica.conflict(sending.id, structuredClone(answer.conflict), nowMs, new Error("late"));
    else this.replica.accept(sending.id, answer.version, answer.epoch);
  }

  /** What is under way still arrives, whatever its age. */
  reconnect(): void {
    this.replica.lose();
  }

  /** Until nothing is left to do. */
  settle(): void {
    for (let rounds = 0; this.replica.need !== "nothing" || this.replica.pendingCount; rounds++) {
      if (rounds > 500) throw new Error(`it does not settle: ${JSON.stringify(this.replica.record)}`);
      this.ask();
      this.send("arrives");
    }
  }
}
