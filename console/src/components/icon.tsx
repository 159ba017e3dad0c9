const paths = {
  overview: "M2.5 13.500h11M4 11V8M7 11V4.500M10 11V6.500M13 11V3",
  connections: "M6.500 9.500l3-3M5 7.500L3.500 9a2.500 2.500 0 003.500 3.500L8.500 11M11 8.500L12.500 7A2.500 2.500 0 009 3.500L7.500 5",
  channels: "M3 5h10M3 8h10M3 11h6",
  relays: "M2.500 5.500h9M9 3l2.500 2.500L9 8M13.500 10.500h-9M7 8l-2.500 2.500L7 13",
  traces: "M2.500 3.500h6M5 8h6M8.500 12.500h5",
  logs: "M3 2.500h10v11H3zM5.500 5.500h5M5.500 8h5M5.500 10.500h3",
  nodes: "M2.500 3h11v4h-11zM2.500 9h11v4h-11zM5 5h.01M5 11h.01",
  settings: "M3 4.500h10M3 8h10M3 11.500h10M6 3v3M10.500 6.500v3M5 10v3",
  close: "M4 4l8 8M12 4l-8 8",
  menu: "M2.500 4.500h11M2.500 8h11M2.500 11.500h11",
  sun: "M8 5.200a2.800 2.800 0 100 5.600 2.800 2.800 0 000-5.600M8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1 1M11.600 11.600l1 1M3.400 12.600l1-1M11.600 4.400l1-1",
  moon: "M13 9.500A5.500 5.500 0 116.500 3a4.500 4.500 0 006.500 6.500z",
  system: "M2.500 3h11v8h-11zM6 13.500h4M8 11v2.500",
  logout: "M6.500 2.500h-4v11h4M6 8h7.500M11 5.500L13.500 8 11 10.500",
  copy: "M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3",
  check: "M3 8.500l3.500 3.500L13 4.500",
  search: "M7 2.500a4.500 4.500 0 100 9 4.500 4.500 0 000-9M10.300 10.300l3.200 3.200",
  pause: "M5.500 3.500v9M10.500 3.500v9",
  play: "M4.500 3l8 5-8 5z",
  reload: "M13 8a5 5 0 11-1.500-3.500M13 2.500v2.500h-2.500",
  warning: "M8 2.500l6 11H2zM8 6.500v3.500M8 12h.01",
  down: "M8 3v10M4 9l4 4 4-4",
  right: "M6 3.500L10.500 8 6 12.500",
  send: "M2.500 8h10M8.500 4l4 4-4 4",
  trash: "M3 4.500h10M6 4.500v-2h4v2M4.500 4.500l.5 9h6l.5-9",
  plus: "M8 3.500v9M3.500 8h9",
  minus: "M3.500 8h9",
  fit: "M2.500 4v8M13.500 4v8M4.500 8h7M6.500 6l-2 2 2 2M9.500 6l2 2-2 2",
  left: "M10 3.500L5.500 8 10 12.500",
  external: "M6.500 3h-4v10.500H13v-4M9 2.500h4.500V7M13.500 2.500L7 9",
} as const;

export type IconName = keyof typeof paths;

/** Decoration: what it stands for is said in words beside it, or by the name of its button. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
