import { useEffect, useState } from "preact/hooks";

const quietMs = 250;

/** What a value was when it last stood still for a while: so that not every letter asks the server. */
export function useDebounced(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), quietMs);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
