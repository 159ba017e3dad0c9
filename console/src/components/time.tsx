import { formatClock, formatMoment, formatUtc } from "../format.js";

interface Props {
  ms: number;
  /** `clock`: to the millisecond, without the date. */
  form?: "moment" | "clock";
}

/** A time in the zone of whoever reads, and in UTC for whoever points at it. */
export function Time({ ms, form = "moment" }: Props) {
  const iso = Number.isFinite(ms) ? new Date(ms).toISOString() : undefined;
  return (
    <time class="num" dateTime={iso} title={formatUtc(ms)}>
      {form === "clock" ? formatClock(ms) : formatMoment(ms)}
    </time>
  );
}
