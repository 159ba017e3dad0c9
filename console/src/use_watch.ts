import { useEffect } from "preact/hooks";
import { watch, type Topic } from "./live.js";

/** The topic comes in for as long as the component is there. */
export function useWatch(topic: Topic): void {
  useEffect(() => watch(topic), [topic]);
}
