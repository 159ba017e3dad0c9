import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { formatClock } from "../format.js";
import { axisTop, greatest } from "../scale.js";
import { theme } from "../theme.js";

export interface ChartLine {
  /** Tells it from the other lines; in full, where the label had to be cut. */
  readonly name: string;
  readonly label: string;
  /** A colour of tokens.css: "--chart-1". */
  readonly color: string;
  readonly isDashed?: boolean;
  readonly values: readonly (number | null)[];
}

interface Props {
  title: string;
  /** How several nodes became one line. */
  note?: string;
  /** Seconds since the epoch, one for each value of a line. */
  seconds: readonly number[];
  lines: readonly ChartLine[];
  format: (value: number) => string;
  /** The axis reaches at least to here: what is small looks small. */
  atLeast: number;
}

const heightPx = 148;
const axisWidthPx = 58;

/** The second that is pointed at, in whatever chart: all of them show their values at it. */
const pointed = signal<number | null>(null);

/** Lines over the last minutes, their values in words above them: at the second pointed at, else the latest. */
export function Chart({ title, note, seconds, lines, format, atLeast }: Props) {
  const index = pointed.value ?? lastWithValues(lines);
  const at = seconds[index];
  const shape = JSON.stringify([theme.value, lines.map(({ name, color, isDashed }) => [name, color, isDashed])]);
  return (
    <figure class="chart">
      <figcaption class="chart-head">
        <h2>{title}</h2>
        {note && <span class="muted">{note}</span>}
        <span class="chart-at num muted">{pointed.value !== null && at ? formatClock(at * 1000, 0) : ""}</span>
      </figcaption>
      <ul class="chart-legend">
        {lines.map(({ name, label, color, isDashed, values }) => (
          <li key={name} title={name}>
            <span class="chart-key" data-color={color} data-dashed={isDashed === true} aria-hidden="true" />
            <span class="cut muted">{label}</span>
            <span class="num chart-value">{written(values[index], format)}</span>
          </li>
        ))}
      </ul>
      <Drawing key={shape} {...{ title, seconds, lines, format, atLeast }} />
    </figure>
  );
}

/** Made anew when lines or colours change; otherwise it is given the new values. */
function Drawing({ title, seconds, lines, format, atLeast }: Omit<Props, "note">) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const top = useRef(atLeast);
  top.current = axisTop(greatest(lines.map(({ values }) => values)), atLeast);

  useEffect(() => {
    const element = place.current!;
    const options = optionsOf(lines, format, () => top.current, element.clientWidth || 300);
    const made = new uPlot(options, dataOf(seconds, lines), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: heightPx }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(dataOf(seconds, lines)), [seconds, lines]);

  return <div class="chart-plot" ref={place} role="img" aria-label={`${title}, last five minutes`} />;
}

function optionsOf(
  lines: readonly ChartLine[],
  format: Props["format"],
  top: () => number,
  width: number,
): uPlot.Options {
  const [muted, grid] = [colorOf("--muted"), colorOf("--chart-grid")];
  const axis = { stroke: muted, font: "11px system-ui, sans-serif", grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  return {
    width,
    height: heightPx,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "syncline" }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    scales: { x: { time: false }, y: { range: () => [0, top()] } },
    axes: [
      { ...axis, size: 24, space: 36, incrs: [60, 120], values: (_, splits) => splits.map((second) => formatClock(second * 1000, 0).slice(0, 5)) },
      { ...axis, size: axisWidthPx, space: 32, values: (_, splits) => splits.map((value) => format(value)) },
    ],
    series: [{}, ...lines.map(seriesOf)],
    hooks: { setCursor: [({ cursor }) => (pointed.value = cursor.idx ?? null)] },
  };
}

function seriesOf({ label, color, isDashed }: ChartLine): uPlot.Series {
  return { label, stroke: colorOf(color), width: 1.5, points: { show: false }, ...(isDashed ? { dash: [4, 3] } : {}) };
}

function dataOf(seconds: readonly number[], lines: readonly ChartLine[]): uPlot.AlignedData {
  return [[...seconds], ...lines.map(({ values }) => [...values])];
}

/** The canvas knows no variables of the style sheet. */
function colorOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function lastWithValues(lines: readonly ChartLine[]): number {
  return Math.max(-1, ...lines.map(({ values }) => values.findLastIndex((value) => value !== null)));
}

function written(value: number | null | undefined, format: Props["format"]): string {
  return value === null || value === undefined ? "–" : format(value);
}
