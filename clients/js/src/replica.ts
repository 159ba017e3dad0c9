import { attempt, contentOf, joined, type Compute, type EditContent, type EditKind } from "./edit.js";
import type { Json } from "./json.js";

/** What of an edit is kept across reloads. */
export interface StoredEdit extends EditContent {
  id: string;
  /** Computed from what was seen, so it may only be applied to that version. */
  isGuarded: boolean;
  isSent: boolean;
  sentAtMs?: number;
  /** The confirmed version when it was first sent. */
  base?: number;
  /** Accepted, but `confirmed` has not reached that version. */
  acceptedVersion?: number;
}

/** A document as the server had it. `value` is absent when the document was not there. */
export interface Confirmed {
  epoch: string;
  version: number;
  value?: Json;
}

export interface ReplicaRecord {
  confirmed: Confirmed;
  queue: StoredEdit[];
}

export interface Change extends EditContent {
  version: number;
  mutation: string;
}

/** What to send for the head of the queue. Sent again, it is the same. */
export interface Sending extends EditContent {
  id: string;
  /** The span in which it was made, of the last one where several were joined. */
  traceparent?: string;
  baseVersion?: number;
}

/** How an edit ended. Its error is that of the server, or of the function that computed it. */
export type Outcome = { accepted: true; version: number } | { accepted: false; error: unknown };

/** An answer to `state.changes`. `complete` is false when the log no longer reaches back. */
export interface Changes {
  version: number;
  epoch: string;
  changes: Change[];
  complete: boolean;
}

/** What the server has to be asked before this replica is level with it. */
export type Need = "nothing" | "changes" | "document";

interface QueuedEdit extends StoredEdit {
  compute?: Compute;
  /** Not kept across reloads. */
  traceparent?: string;
  settle: ((outcome: Outcome) => void)[];
}

type Unnamed = Omit<QueuedEdit, "id" | "isSent" | "settle">;

/** For so long, at least, the server knows a mutation again. */
const rememberedMs = 24 * 3600_000;

/**
 * One document on one device: what the server is known to have had, and the edits that it is not known to have.
 * Pure: who owns it does the asking and the storing. The algorithm is section 6 of the contract.
 *
 * Invariant: `confirmed` is a value that the server had at that version, whatever was cut, repeated or lost.
 */
export class Replica {
  #confirmed: Confirmed;
  #queue: QueuedEdit[];
  #need: Need = "document";
  /** The highest version heard of since the server was last asked. */
  #rumoured = 0;

  constructor(
    private readonly newId: () => string,
    record: ReplicaRecord = { confirmed: { epoch: "", version: 0 }, queue: [] },
  ) {
    this.#confirmed = record.confirmed;
    this.#queue = record.queue.map(withoutListeners);
    if (this.isLoaded) this.#need = "changes";
  }

  get confirmed(): Readonly<Confirmed> {
    return this.#confirmed;
  }

  /** False until the server's document has been seen once. */
  get isLoaded(): boolean {
    return this.#confirmed.epoch !== "";
  }

  get need(): Need {
    return this.#need;
  }

  get pendingCount(): number {
    return this.#queue.length;
  }

  get record(): ReplicaRecord {
    const queue = this.#queue.map(({ compute: _compute, settle: _settle, traceparent: _parent, ...stored }) => stored);
    return { confirmed: this.#confirmed, queue };
  }

  /** `confirmed` with the queue applied in order. An edit that does not apply is passed over. */
  get value(): Json | undefined {
    return this.#shownBefore(this.#queue.length);
  }

  /** Append an edit that means the same on whatever it meets. */
  edit(kind: EditKind, patch?: Json, traceparent?: string): Promise<Outcome> {
    return this.#append({ kind, ...(patch === undefined ? {} : { patch }), isGuarded: false, ...of(traceparent) });
  }

  /** Append an edit that is computed from what is shown. Null when it changes nothing. Throws what `compute` throws. */
  update(compute: Compute, traceparent?: string): Promise<Outcome> | null {
    const content = contentOf(this.value, compute);
    return content && this.#append({ ...content, isGuarded: true, compute, ...of(traceparent) });
  }

  /** Take over what another replica of this document left unsent or unanswered. */
  adopt(queue: readonly StoredEdit[]): void {
    const known = new Set(this.#queue.map(({ id }) => id));
    const adopted = queue.filter(({ id }) => !known.has(id)).map(withoutListeners);
    this.#queue.splice(this.#queue[0]?.isSent ? 1 : 0, 0, ...adopted);
  }

  /** The head of the queue, made ready: null when there is none, or when the server has to be asked first. */
  prepare(nowMs: number): Sending | null {
    for (let head = this.#queue[0]; head && this.#need === "nothing"; head = this.#queue[0]) {
      if (head.acceptedVersion !== undefined) this.#needs("changes");
      else if (head.isSent || this.#freeze(head, nowMs)) return this.#sending(head, nowMs);
    }
    return null;
  }

  /** The server says that it has the edit, as this version. */
  accept(id: string, version: number, epoch: string): void {
    const edit = this.#find(id);
    if (epoch !== this.#confirmed.epoch) return this.#needs("document");
    if (!edit) return;
    if (version > this.#confirmed.version + 1) {
      edit.acceptedVersion = version;
      return this.#needs("changes");
    }
    if (version === this.#confirmed.version + 1 && !this.#advance(version, edit)) return this.#needs("document");
    this.#settle(edit, { accepted: true, version });
  }

  /**
   * The server has not applied the edit, because the document has moved on. False when the edit is given up for it: its
   * outcome had been unknown for longer than the server remembers.
   */
  conflict(id: string, current: Confirmed, nowMs: number, error: unknown): boolean {
    this.install(current);
    const edit = this.#find(id);
    if (!edit) return true;
    if (isForgotten(edit, nowMs)) {
      this.#settle(edit, { accepted: false, error });
      return false;
    }
    this.#rebase(edit);
    return true;
  }

  /** The server will never apply the edit. */
  refuse(id: string, error: unknown): void {
    const edit = this.#find(id);
    if (edit) this.#settle(edit, { accepted: false, error });
  }

  /** What was seen at an earlier visit, unless something newer is here. */
  remember(confirmed: Confirmed): void {
    if (this.isLoaded) return;
    this.install(confirmed);
    this.#need = "changes";
  }

  /** Something may have been missed. */
  lose(): void {
    this.#needs("changes");
  }

  /** A publication. What comes while the server has to be asked is only noted: the answer has it, or one more will. */
  receive(change: Change & { epoch: string }): void {
    if (this.isLoaded && change.epoch !== this.#confirmed.epoch) {
      this.#rumoured = Infinity; // versions of another history compare with nothing: it may be later than the answer
      return this.#needs("document");
    }
    this.#rumoured = Math.max(this.#rumoured, change.version);
    if (this.#need === "nothing") this.#take(change);
  }

  /** The server is being asked for what `need` says. */
  ask(): Need {
    this.#rumoured = 0;
    return this.#need;
  }

  /** The answer to `state.changes`. */
  takeChanges({ version, epoch, changes, complete }: Changes): void {
    if (epoch !== this.#confirmed.epoch || !complete) return this.#needs("document");
    const before = this.#confirmed.version;
    for (const change of changes) this.#take(change);
    if (this.#need !== "changes") return;
    if (this.#confirmed.version >= version) this.#level();
    else if (this.#confirmed.version === before) this.#needs("document");
  }

  /** The answer to `state.get`. */
  takeDocument(document: Confirmed): void {
    this.install(document);
    this.#level();
  }

  /** A whole document of the server's. An older one of the same epoch changes nothing. */
  install(document: Confirmed): void {
    const isOtherEpoch = document.epoch !== this.#confirmed.epoch;
    if (!isOtherEpoch && document.version <= this.#confirmed.version) return;
    const wasLoaded = this.isLoaded;
    this.#confirmed = document;
    if (isOtherEpoch && wasLoaded) this.#forgetAnswers();
    else this.#settleReached();
  }

  /** End all edits, for instance because the session has ended. */
  abandon(error: unknown): void {
    for (const edit of [...this.#queue]) this.#settle(edit, { accepted: false, error });
  }

  #take(change: Change): void {
    if (change.version > this.#confirmed.version + 1) return this.#needs("changes");
    if (change.version === this.#confirmed.version + 1 && !this.#advance(change.version, change))
      return this.#needs("document");
    const edit = this.#find(change.mutation);
    if (edit) this.#settle(edit, { accepted: true, version: change.version });
    this.#settleReached();
  }

  #needs(need: "changes" | "document"): void {
    if (need === "document" || this.#need === "nothing") this.#need = need;
  }

  /** Level with the server as it was when it answered. */
  #level(): void {
    this.#need = "nothing";
    if (this.#rumoured > this.#confirmed.version) this.#needs("changes");
  }

  #append(content: Unnamed): Promise<Outcome> {
    return new Promise((resolve) => {
      if (!this.#joinToLast(content, resolve))
        this.#queue.push({ id: this.newId(), isSent: false, settle: [resolve], ...content });
    });
  }

  /** What has not been sent yet goes out as one mutation, where one can say the same as both. */
  #joinToLast(content: Unnamed, resolve: (outcome: Outcome) => void): boolean {
    const last = this.#queue.at(-1);
    if (!last || last.isSent || last.isGuarded !== content.isGuarded) return false;
    const both = joined(this.#shownBefore(this.#queue.length - 1), last, content);
    if (!both) return false;
    setContent(last, both);
    if (both.compute) last.compute = both.compute;
    if (content.traceparent) last.traceparent = content.traceparent;
    last.settle.push(resolve);
    return true;
  }

  /** Fix the content of an edit that has never been sent. False when it is dropped, since nothing is left to do. */
  #freeze(edit: QueuedEdit, nowMs: number): boolean {
    if (edit.compute && !this.#computeAnew(edit, edit.compute)) return false;
    Object.assign(edit, { isSent: true, sentAtMs: nowMs, base: this.#confirmed.version });
    return true;
  }

  #computeAnew(edit: QueuedEdit, compute: Compute): boolean {
    let error: unknown = null;
    let content: EditContent | null = null;
    try {
      content = contentOf(this.#confirmed.value, compute);
    } catch (thrown) {
      error = thrown;
    }
    const { version } = this.#confirmed;
    if (error) this.#settle(edit, { accepted: false, error });
    else if (content) setContent(edit, content);
    else this.#settle(edit, { accepted: true, version });
    return content !== null;
  }

  #sending(edit: QueuedEdit, nowMs: number): Sending {
    const { id, kind, patch, base, traceparent } = edit;
    const needsBase = edit.isGuarded || isForgotten(edit, nowMs);
    return {
      id,
      kind,
      ...(patch === undefined ? {} : { patch }),
      ...(needsBase && base !== undefined ? { baseVersion: base } : {}),
      ...of(traceparent),
    };
  }

  /** What has an outcome from here on is another mutation, where the content can change. */
  #rebase(edit: QueuedEdit): void {
    if (edit.compute) edit.id = this.newId();
    unsend(edit);
  }

  /** Another history of versions: nothing is known of what it has. */
  #forgetAnswers(): void {
    for (const edit of this.#queue) {
      delete edit.acceptedVersion;
      if (edit.isGuarded && edit.isSent) this.#rebase(edit);
    }
  }

  #advance(version: number, change: EditContent): boolean {
    const { epoch, value } = this.#confirmed;
    const applied = attempt(value, change);
    if (applied) this.#confirmed = confirmedAs(epoch, version, applied.value);
    return applied !== null;
  }

  #settleReached(): void {
    for (const edit of [...this.#queue]) {
      const version = edit.acceptedVersion ?? Infinity;
      if (version <= this.#confirmed.version) this.#settle(edit, { accepted: true, version });
    }
  }

  #shownBefore(index: number): Json | undefined {
    return this.#queue.slice(0, index).reduce(show, this.#confirmed.value);
  }

  #find(id: string): QueuedEdit | undefined {
    return this.#queue.find((edit) => edit.id === id);
  }

  #settle(edit: QueuedEdit, outcome: Outcome): void {
    this.#queue.splice(this.#queue.indexOf(edit), 1);
    for (const settle of edit.settle) settle(outcome);
  }
}

function of(traceparent: string | undefined): { traceparent?: string } {
  return traceparent ? { traceparent } : {};
}

function setContent(edit: QueuedEdit, { kind, patch }: EditContent): void {
  edit.kind = kind;
  if (patch === undefined) delete edit.patch;
  else edit.patch = patch;
}

function show(value: Json | undefined, edit: QueuedEdit): Json | undefined {
  if (edit.compute && !edit.isSent) return computed(value, edit.compute);
  const result = attempt(value, edit);
  return result ? result.value : value;
}

function computed(value: Json | undefined, compute: Compute): Json | undefined {
  try {
    return compute(value);
  } catch {
    return value;
  }
}

function isForgotten(edit: QueuedEdit, nowMs: number): boolean {
  return edit.sentAtMs !== undefined && nowMs - edit.sentAtMs >= rememberedMs;
}

function unsend(edit: QueuedEdit): void {
  edit.isSent = false;
  delete edit.sentAtMs;
  delete edit.base;
}

function confirmedAs(epoch: string, version: number, value: Json | undefined): Confirmed {
  return value === undefined ? { epoch, version } : { epoch, version, value };
}

function withoutListeners(edit: StoredEdit): QueuedEdit {
  return { ...edit, settle: [] };
}
