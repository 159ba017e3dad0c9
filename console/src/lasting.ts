import { useRef } from "preact/hooks";
import type { Resource } from "./resource.js";

export interface Lasting<T> extends Resource<T> {
  /** `data` answer an older question: those of the present one are on their way. */
  readonly isStale: boolean;
}

/** The answer to the question before stays until the next one is there: so a list that is filtered does not flicker. */
export function useLasting<T>(resource: Resource<T>): Lasting<T> {
  const last = useRef<T | null>(null);
  if (resource.data !== null || resource.failure !== null) last.current = resource.data;
  const data = resource.data ?? last.current;
  return { ...resource, data, isStale: resource.data === null && data !== null };
}
