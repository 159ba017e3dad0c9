/** Numbers and times as people read them. Nothing here knows of the page. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** 12,345 */
export function formatCount(value: number): string {
  return whole.format(value);
}

/** How many of all are listed: "12,345"; "500 of 12,345" when some are not. */
export function formatListed(numListed: number, total: number): string {
  return numListed === total ? formatCount(total) : `${formatCount(numListed)} of ${formatCount(total)}`;
}

/** At most four characters and a letter: 12.3K */
export function formatCompact(value: number): string {
  return compact.format(value);
}

/** Events per second: 0, 0.25, 12.3, 1,234. */
export function formatRate(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return whole.format(value);
  return value >= 10 ? oneDigit.format(value) : short.format(value);
}

const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB"];

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit && value < 100 ? short.format(value) : whole.format(value)} ${byteUnits[unit]}`;
}

/** Of milliseconds, with three digits: 310 ns, 42.1 µs, 1.25 ms, 3.4 s. From a minute on as `formatDuration`. */
export function formatMs(ms: number): string {
  const size = Math.abs(ms);
  if (size === 0) return "0 ms";
  if (size < 0.001) return `${short.format(ms * 1e6)} ns`;
  if (size < 1) return `${short.format(ms * 1e3)} µs`;
  if (size < 1_000) return `${short.format(ms)} ms`;
  if (size < 60_000) return `${short.format(ms / 1_000)} s`;
  return formatDuration(ms / 1_000);
}

const periods: readonly (readonly [string, number])[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];

/** The two largest units: 3 d 4 h, 12 min 5 s, 8 s. */
export function formatDuration(seconds: number): string {
  const rounded = Math.max(0, Math.floor(seconds));
  const first = periods.findIndex(([, size]) => rounded >= size);
  if (first < 0) return "0 s";
  const [unit, size] = periods[first]!;
  const next = periods[first + 1];
  const rest = next ? Math.floor((rounded % size) / next[1]) : 0;
  return `${Math.floor(rounded / size)} ${unit}${rest && next ? ` ${rest} ${next[0]}` : ""}`;
}

/** In the zone of whoever reads: 14:03:07.250 */
export function formatClock(ms: number, digits: 0 | 3 = 3): string {
  const at = new Date(ms);
  const parts = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0"));
  return parts.join(":") + (digits ? `.${String(at.getMilliseconds()).padStart(3, "0")}` : "");
}

/** Date and time in the zone of whoever reads: 2026-03-07 14:03:07 */
export function formatMoment(ms: number): string {
  const at = new Date(ms);
  const date = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0"));
  return `${date.join("-")} ${formatClock(ms, 0)}`;
}

/** For the title of a time. */
export function formatUtc(ms: number): string {
  return Number.isFinite(ms) ? `${new Date(ms).toISOString().replace("T", " ").replace("Z", "")} UTC` : "";
}

/** "1 connection", "2 connections" */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** What is too long is cut in its middle: both ends of an id tell more than its middle. */
export function shorten(text: string, length = 24): string {
  if (text.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
}
