import type { Post } from "./host.js";
import type { TokenAnswer } from "./messages.js";

/** Longer than the tab's own patience with the server. */
const patienceMs = 15_000;

interface Question {
  tabs: Set<string>;
  end: (answer: TokenAnswer) => void;
}

/** Asks all tabs for a token. The first to answer answers for all; tabs agree among themselves who refreshes. */
export class TokenQuestions {
  #lastId = 0;
  readonly #open = new Map<number, Question>();

  constructor(private readonly post: Post) {}

  ask(tabs: string[], channel: string, stale: string): Promise<TokenAnswer> {
    if (!tabs.length) return Promise.resolve("later");
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const timer = setTimeout(() => end("later"), patienceMs);
      const end = (answer: TokenAnswer): void => {
        clearTimeout(timer);
        this.#open.delete(id);
        resolve(answer);
      };
      this.#open.set(id, { tabs: new Set(tabs), end });
      this.post(tabs, { kind: "need_token", id, channel, stale });
    });
  }

  answer(id: number, answer: TokenAnswer): void {
    this.#open.get(id)?.end(answer);
  }

  leave(tab: string): void {
    for (const { tabs, end } of [...this.#open.values()]) if (tabs.delete(tab) && !tabs.size) end("later");
  }
}
