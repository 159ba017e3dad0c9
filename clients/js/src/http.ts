import { noAnswer, SynclineError } from "./errors.js";
import type { Json } from "./json.js";

export interface Request {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  body?: Json | undefined;
  contentType?: string;
  bearer?: string;
  headers?: Record<string, string>;
}

const defaultTimeoutMs = 10_000;

/** The REST door of one server. Requests carry the guard header, so that they may rely on the refresh cookie. */
export class Http {
  readonly #base: string;
  readonly #fetch: typeof fetch;

  constructor(url: string, fetchFunction: typeof fetch = fetch.bind(globalThis)) {
    this.#base = url.replace(/\/+$/, "");
    this.#fetch = fetchFunction;
  }

  /** Throws a SynclineError: with status 0 when nothing was answered within 10 s. */
  async send<T>(request: Request): Promise<T> {
    const response = await this.#answer(request);
    const text = await response.text().catch((error: unknown) => {
      throw noAnswer(String(error));
    });
    if (!response.ok) throw problem(response, text);
    return (text === "" ? undefined : parsed(text)) as T;
  }

  async #answer(request: Request): Promise<Response> {
    try {
      return await this.#fetch(this.#base + request.path, {
        method: request.method,
        headers: headersOf(request),
        credentials: "include",
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.timeout(defaultTimeoutMs),
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      });
    } catch (error) {
      throw noAnswer(String(error));
    }
  }
}

function headersOf({ body, bearer, contentType = "application/json", headers }: Request): Record<string, string> {
  return {
    "X-Syncline": "1",
    ...(body === undefined ? {} : { "Content-Type": contentType }),
    ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
    ...headers,
  };
}

function problem(response: Response, text: string): SynclineError {
  const body = (parsed(text) ?? {}) as { code?: string; detail?: string; field?: string };
  const { code = `http_${response.status}`, detail, field } = body;
  const retryAfterS = Number(response.headers.get("Retry-After")) || 0;
  return new SynclineError(response.status, code, detail, field, retryAfterS, body);
}

/** Undefined for what is no JSON: a proxy in between answers in HTML. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
