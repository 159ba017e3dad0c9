import { callSafely } from "./emitter.js";
import { LoggedOutError, SynclineError } from "./errors.js";
import type { DocumentDoor } from "./document-door.js";
import type { Compute, EditKind } from "./edit.js";
import { toJson, type Json } from "./json.js";
import type { PatchOperation } from "./json-patch.js";
import type { Link } from "./link/link.js";
import type { Publication } from "./link/messages.js";
import { Replica, type Change, type Outcome } from "./replica.js";
import type { ReplicaStore } from "./replica-store.js";
import { Tracing } from "./traces/tracing.js";
import { newId } from "./surroundings.js";

export interface StateStatus {
  /** `loading`: never seen on this device. `offline`: shown as last seen, with the edits made since. */
  phase: "loading" | "offline" | "pending" | "synced";
  /** Edits that the server is not known to have. */
  pending: number;
  /** Edits that met a document that had moved on, and were computed anew. */
  conflicts: number;
  /** Edits that were given up, since the server will never take them. */
  refused: number;
}

export type StateListener<T> = (value: T | undefined, status: StateStatus) => void;

/** More edits than this are not queued: whoever makes them does not look at what becomes of them. */
const maxQueued = 1_000;
const minRetryMs = 250;
/** As the server has it. A channel of another name is refused, and edits would wait for it for ever. */
const keyForm = /^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,64}$/;
const maxRetryMs = 15_000;

/**
 * A document that the user's devices share. Edits show at once; what becomes of each is told by the promise that it
 * returns, which never rejects and, offline, may take days.
 *
 * Values are not to be changed in place.
 */
export class SharedState<T = Json> {
  readonly #replica = new Replica(newId);
  readonly #listeners = new Set<StateListener<T>>();
  readonly #unfollow: () => void;
  readonly #opened: Promise<void>;
  #isOpen = false;
  #isLive = false;
  #isClosed = false;
  #isRunning = false;
  /** The server does not let this user edit; asked again at the next subscribe. */
  #isHeldBack = false;
  #failures = 0;
  #conflicts = 0;
  #refused = 0;
  #idle: (() => void)[] = [];
  #wake: () => void = () => undefined;

  /** For `Syncline.state`, which makes one for each key. Throws a SynclineError where no document can have that key. */
  constructor(
    readonly key: string,
    link: Link,
    channel: string,
    private readonly door: DocumentDoor,
    private readonly records: ReplicaStore,
    private readonly now: () => number,
    private readonly tracing: Pick<Tracing, "outgoing"> = new Tracing(),
  ) {
    if (!keyForm.test(key)) throw new SynclineError(400, "invalid_field", "1 to 64 characters of A-Z a-z 0-9 _ . -", "key");
    this.#opened = this.#open();
    this.#unfollow = link.follow(channel, {
      subscribed: ({ recovered }) => this.#handleSubscribed(recovered),
      subscribing: () => this.#handleOffline(),
      unsubscribed: () => this.#handleOffline(),
      publication: (publication) => this.#handlePublication(publication),
    });
  }

  /** As the server had it last, with this device's edits on top; undefined where there is none. */
  get value(): T | undefined {
    return this.#replica.value as T | undefined;
  }

  /** The last version seen, without the edits that wait. */
  get version(): number {
    return this.#replica.confirmed.version;
  }

  get status(): StateStatus {
    const pending = this.#replica.pendingCount;
    return { phase: this.#phase(pending), pending, conflicts: this.#conflicts, refused: this.#refused };
  }

  /** Called now and after each change. Returns what ends it. */
  subscribe(listener: StateListener<T>): () => void {
    this.#listeners.add(listener);
    callSafely(() => listener(this.value, this.status), null);
    return () => void this.#listeners.delete(listener);
  }

  /** Computes the next value from the shown one, and again when other devices came first: nothing is overwritten. */
  update(compute: (value: T | undefined) => T | undefined): Promise<Outcome> {
    const computeJson: Compute = (value) => {
      const next = compute(value as T | undefined);
      return next === undefined ? undefined : toJson(next);
    };
    return this.#edited(() => this.#replica.update(computeJson, this.tracing.outgoing()) ?? { accepted: true, version: this.version });
  }

  /** Replaces the whole document, whatever is there. */
  set(value: T): Promise<Outcome> {
    return this.#edit("replace", toJson(value));
  }

  /** RFC 7396: the members named are set, or with null removed, whatever the rest. */
  merge(patch: unknown): Promise<Outcome> {
    return this.#edit("merge", toJson(patch));
  }

  /** RFC 6902. Refused when it does not fit the document that it meets. */
  patch(operations: PatchOperation[]): Promise<Outcome> {
    return this.#edit("patch", toJson(operations));
  }

  remove(): Promise<Outcome> {
    return this.#edit("remove");
  }

  /** Ends when every edit has an outcome. Offline, that is after the connection is back. */
  async flush(): Promise<void> {
    await this.#opened;
    if (this.#replica.pendingCount) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Whether what is shown now would survive a reload. */
  async saved(): Promise<boolean> {
    await this.#opened;
    return this.#save();
  }

  /** Ends when the document has been seen, now or at an earlier visit. */
  async ready(): Promise<void> {
    await this.#opened;
    if (this.#replica.isLoaded) return;
    await new Promise<void>((resolve) => {
      const stop = this.subscribe((_value, { phase }) => {
        if (phase === "loading" && !this.#isClosed) return;
        queueMicrotask(() => stop());
        resolve();
      });
    });
  }

  /** @internal This tab is done with it. What waits stays stored, for the next visit, unless the log-in is over. */
  close(reason: string, isOver: boolean): Promise<void> {
    const last = isOver || !this.#isOpen ? null : this.#replica.record;
    this.#isClosed = true;
    this.#isLive = false;
    this.#unfollow();
    this.#wake();
    this.#replica.abandon(new LoggedOutError(reason));
    this.#show();
    return this.records.close(last);
  }

  async #open(): Promise<void> {
    try {
      const confirmed = await this.records.newest();
      if (confirmed?.epoch) this.#replica.remember(confirmed);
      await this.#takeOver();
    } catch {
      // a store that fails is done without
    }
    this.#isOpen = true;
    this.#changed();
  }

  #takeOver(): Promise<void> {
    return this.records.takeOver((queue) => {
      this.#replica.adopt(queue);
      return this.#store();
    });
  }

  #phase(pending: number): StateStatus["phase"] {
    if (!this.#replica.isLoaded) return "loading";
    if (!this.#isLive) return "offline";
    return pending || this.#replica.need !== "nothing" ? "pending" : "synced";
  }

  #edit(kind: EditKind, patch?: Json): Promise<Outcome> {
    return this.#edited(() => this.#replica.edit(kind, patch, this.tracing.outgoing()));
  }

  #edited(edit: () => Promise<Outcome> | Outcome): Promise<Outcome> {
    const error = this.#isClosed ? new LoggedOutError("closed") : this.#fullError();
    if (error) return Promise.resolve({ accepted: false, error });
    const outcome = Promise.resolve(edit());
    this.#changed();
    return outcome;
  }

  #fullError(): Error | null {
    return this.#replica.pendingCount < maxQueued ? null : new Error(`${maxQueued} edits are waiting`);
  }

  #handleSubscribed(recovered: boolean): void {
    this.#isLive = true;
    this.#isHeldBack = false;
    this.#failures = 0;
    this.#wake();
    if (!recovered) this.#replica.lose();
    void this.#takeOver()
      .catch(() => undefined)
      .then(() => this.#changed());
  }

  #handleOffline(): void {
    this.#isLive = false;
    this.#show();
  }

  #handlePublication({ data }: Publication): void {
    this.#replica.receive(data as unknown as Change & { epoch: string });
    this.#changed();
  }

  #changed(): void {
    void this.#save();
    this.#show();
    this.#run();
  }

  /** Not before what an earlier visit has stored has been taken up. */
  #save(): Promise<boolean> {
    return this.#isOpen && !this.#isClosed ? this.#store() : Promise.resolve(false);
  }

  #store(): Promise<boolean> {
    return this.records.save(() => this.#replica.record);
  }

  #show(): void {
    const [value, status] = [this.value, this.status];
    for (const listener of [...this.#listeners]) callSafely(() => listener(value, status), null);
    if (status.pending === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  get #hasWork(): boolean {
    if (this.#isClosed || !this.#isLive || !this.#isOpen) return false;
    return this.#replica.need !== "nothing" || (this.#replica.pendingCount > 0 && !this.#isHeldBack);
  }

  #run(): void {
    if (this.#isRunning || !this.#hasWork) return;
    this.#isRunning = true;
    void this.#work().finally(() => {
      this.#isRunning = false;
      this.#show();
      this.#run();
    });
  }

  async #work(): Promise<void> {
    while (this.#hasWork) {
      try {
        await (this.#replica.need === "nothing" ? this.#send() : this.#ask());
        this.#failures = 0;
      } catch (error) {
        await this.#handleFailure(error);
      }
    }
  }

  async #send(): Promise<void> {
    const sending = this.#replica.prepare(this.now());
    if (!sending) return;
    await this.#save();
    try {
      const answer = await this.door.mutate(sending);
      if ("conflict" in answer) this.#handleConflict(sending.id, answer.conflict);
      else this.#replica.accept(sending.id, answer.version, answer.epoch);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#refused++;
      this.#replica.refuse(sending.id, error);
    }
    void this.#save();
    this.#show();
  }

  #handleConflict(id: string, current: { epoch: string; version: number }): void {
    const error = new SynclineError(409, "version_conflict");
    this.#conflicts++;
    if (!this.#replica.conflict(id, confirmedOf(current), this.now(), error)) this.#refused++;
  }

  async #ask(): Promise<void> {
    if (this.#replica.ask() === "changes") this.#replica.takeChanges(await this.door.changes(this.version));
    else this.#replica.takeDocument(confirmedOf(await this.door.get()));
    void this.#save();
    this.#show();
  }

  async #handleFailure(error: unknown): Promise<void> {
    if (isAboutUser(error)) this.#isHeldBack = true;
    const retryAfterMs = error instanceof SynclineError ? error.retryAfterS * 1000 : 0;
    const growing = Math.min(minRetryMs * 2 ** this.#failures++, maxRetryMs);
    await this.#pause(Math.max(growing * (0.5 + Math.random() / 2), retryAfterMs));
  }

  /** Ends early when the connection is back. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** 401 and 403 are about the user, not the edit. */
function isAboutUser(error: unknown): boolean {
  return error instanceof LoggedOutError || (error instanceof SynclineError && [401, 403].includes(error.status));
}

function isRefusal(error: unknown): boolean {
  return error instanceof SynclineError && !error.isTemporary && !isAboutUser(error);
}

function confirmedOf(document: { epoch: string; version: number; value?: Json }) {
  const { epoch, version, value } = document;
  return value === undefined ? { epoch, version } : { epoch, version, value };
}
