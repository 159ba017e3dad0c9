import { useEffect, useState } from "preact/hooks";

/** The value as it was when it last rested for that long: for questions to the server about what is being typed. */
export function useDebounced<T>(value: T, restMs = 300): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), restMs);
    return () => clearTimeout(timer);
  }, [value, restMs]);
  return rested;
}
