import type { Channel, Publication } from "syncline";

export interface Notice {
  readonly offset: number;
  readonly text: string;
  readonly from: string;
}

/** How many notices of before it came a device asks for. */
const pastCount = 5;

/** What a backend has published, whatever JSON it is. */
export function noticeOf({ data, offset = 0 }: Pick<Publication, "data" | "offset">): Notice {
  const { text, from } = (typeof data === "object" && data !== null ? data : {}) as Record<string, unknown>;
  return { offset, text: textOr(text, JSON.stringify(data)), from: textOr(from, "backend") };
}

/** Each notice once and in order, although the past and the present come by two ways. */
export class NoticeLog {
  private epoch = "";
  private last = 0;
  /** What came while the past is being asked for. */
  private held: Notice[] | null = null;

  /** The past up to now is being asked for: what comes waits for `release`. */
  hold(epoch: string): void {
    if (epoch !== this.epoch) this.last = 0;
    this.epoch = epoch;
    this.held = [];
  }

  /** What is new of the past, and of what came meanwhile. */
  release(past: readonly Notice[]): Notice[] {
    const held = this.held ?? [];
    this.held = null;
    const notices = [...past, ...held].sort((a, b) => a.offset - b.offset);
    return notices.filter((notice) => this.advance(notice));
  }

  /** What can be shown now that this one has come. */
  take(notice: Notice): Notice[] {
    if (!this.held) return this.advance(notice) ? [notice] : [];
    this.held.push(notice);
    return [];
  }

  private advance({ offset }: Notice): boolean {
    const isNew = offset > this.last;
    if (isNew) this.last = offset;
    return isNew;
  }
}

/** Follows a channel of notices: those of before, then each as it comes, also what was missed. Returns what ends it. */
export function followNotices(channel: Channel, log: NoticeLog, show: (notice: Notice) => void): () => void {
  const past = async (): Promise<Notice[]> => {
    const { publications } = await channel.history({ limit: pastCount, reverse: true });
    return publications.map(({ data, offset = 0 }) => noticeOf({ data, offset }));
  };
  return channel.subscribe({
    publication: (publication) => log.take(noticeOf(publication)).forEach(show),
    subscribed: ({ recovered, position }) => {
      if (recovered) return;
      log.hold(position?.epoch ?? "");
      // Cut off again before the answer: the next subscribe asks again.
      void past().catch(() => []).then((notices) => log.release(notices).forEach(show));
    },
  });
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}
