import type { SpanView } from "../../types.js";

type Kind = SpanView["kind"] | "outside";

const paths: Record<Kind, string> = {
  internal: "M8 4.500a3.500 3.500 0 100 7 3.500 3.500 0 000-7",
  server: "M9.500 3h3.500v10H9.500M2.500 8h7M7 5.500L9.500 8 7 10.500",
  client: "M6.500 3H3v10h3.500M6 8h7.500M11 5.500L13.500 8 11 10.500",
  producer: "M3 4.500v7M5.500 8h8M10.500 5l3 3-3 3",
  consumer: "M13 4.500v7M2.500 8h8M7.500 5l3 3-3 3",
  outside: "M5.500 3H3v2.500M10.500 3H13v2.500M5.500 13H3v-2.500M10.500 13H13v-2.500",
};

export const kindTexts: Record<Kind, string> = {
  internal: "internal work",
  server: "server: answers a request",
  client: "client: asks somebody else",
  producer: "producer: hands an event on",
  consumer: "consumer: takes an event",
  outside: "made outside of Syncline",
};

/** The kind of a span as a picture, with its name for who cannot see it. */
export function KindIcon({ kind }: { kind: Kind }) {
  return (
    <svg class="icon kind-icon" viewBox="0 0 16 16" width="14" height="14" role="img" aria-label={kind}>
      <title>{kindTexts[kind]}</title>
      <path d={paths[kind]} />
    </svg>
  );
}
