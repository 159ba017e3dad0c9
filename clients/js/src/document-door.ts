import type { AuthorizedHttp } from "./authorized-http.js";
import { SynclineError } from "./errors.js";
import type { Json, JsonObject } from "./json.js";
import type { Link } from "./link/link.js";
import type { Changes, Confirmed, Sending } from "./replica.js";

export type Answer = { version: number; epoch: string } | { conflict: Confirmed };

/** Messages of the live connection are bounded at 64 KiB, and a longer one closes it: such an edit goes over REST. */
const maxMessageLength = 16_000;

const restForms = {
  replace: { method: "PUT", contentType: "application/json" },
  merge: { method: "PATCH", contentType: "application/merge-patch+json" },
  patch: { method: "PATCH", contentType: "application/json-patch+json" },
  remove: { method: "DELETE", contentType: "" },
} as const;

/** Questions about one document, and edits of it. Each throws a SynclineError. */
export class DocumentDoor {
  constructor(
    private readonly link: Link,
    private readonly http: AuthorizedHttp,
    private readonly key: string,
  ) {}

  get(): Promise<Confirmed> {
    return this.link.rpc("state.get", { key: this.key });
  }

  changes(since: number): Promise<Changes> {
    return this.link.rpc("state.changes", { key: this.key, since });
  }

  mutate(sending: Sending): Promise<Answer> {
    const isLong = JSON.stringify(sending.patch ?? null).length > maxMessageLength;
    return isLong ? this.#mutateOverRest(sending) : this.#mutateLive(sending);
  }

  #mutateLive({ id, kind, patch, baseVersion, traceparent }: Sending): Promise<Answer> {
    const data: JsonObject = { key: this.key, mutation: id };
    if (patch !== undefined) data[kind === "replace" ? "value" : "patch"] = patch;
    if (baseVersion !== undefined) data.base_version = baseVersion;
    if (traceparent) data.traceparent = traceparent;
    return this.link.rpc(`state.${kind}`, data);
  }

  async #mutateOverRest({ id, kind, patch, baseVersion, traceparent }: Sending): Promise<Answer> {
    const query = baseVersion === undefined ? "" : `?base_version=${baseVersion}`;
    const path = `/v1/state/${encodeURIComponent(this.key)}${query}`;
    try {
      return await this.http.send<Answer>({
        ...restForms[kind],
        path,
        body: patch as Json,
        headers: { "Idempotency-Key": id, ...(traceparent ? { traceparent } : {}) },
      });
    } catch (error) {
      const { current } = (error instanceof SynclineError ? error.body : {}) as { current?: Confirmed };
      if (current) return { conflict: current };
      throw error;
    }
  }
}
