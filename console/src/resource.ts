import { useEffect, useRef, useState } from "preact/hooks";
import { useVisible } from "./visible.js";

/** What a page has loaded, and how that stands. `data` stays while it is loaded anew. */
export interface Resource<T> {
  readonly data: T | null;
  readonly failure: unknown;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

type Loaded<T> = Omit<Resource<T>, "reload">;

const nothing = { data: null, failure: null, isLoading: true };

/**
 * Loads when `key` changes, and each `everyMs` while the page is to be seen. An answer to an older question than the
 * last one is dropped. What is of another key is never shown.
 */
export function useResource<T>(key: string, load: () => Promise<T>, everyMs = 0): Resource<T> {
  const [loaded, setLoaded] = useState<Loaded<T> & { key: string }>({ key, ...nothing });
  const [round, setRound] = useState(0);
  const last = useRef(0);
  const isVisible = useVisible();
  const reload = (): void => setRound((before) => before + 1);

  useEffect(() => {
    const mine = ++last.current;
    const settle = (change: Partial<Loaded<T>>): void => {
      if (mine !== last.current) return;
      setLoaded((before) => ({ ...(before.key === key ? before : { ...nothing, key }), isLoading: false, ...change }));
    };
    setLoaded((before) => (before.key === key ? { ...before, isLoading: true } : { key, ...nothing }));
    load().then(
      (data) => settle({ data, failure: null }),
      (failure: unknown) => settle({ failure }),
    );
    return () => void (last.current += 1);
  }, [key, round]);

  useEffect(() => {
    if (!everyMs || !isVisible) return undefined;
    const timer = setInterval(reload, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, isVisible]);

  const { data, failure, isLoading } = loaded.key === key ? loaded : nothing;
  return { data, failure, isLoading, reload };
}
