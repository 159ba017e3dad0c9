import { useRef, useState } from "preact/hooks";
import { tickLabel, ticksOf, widthOf, type Window } from "./axis.js";

interface Props {
  window: Window;
  onPick: (window: Window) => void;
}

const mostTicks = 6;
/** A drag over less than this share of the axis is a click. */
const leastDrag = 0.01;

interface Drag {
  readonly from: number;
  readonly to: number;
}

/** The times. Dragging over them shows that part; the keys and the buttons do the same without a pointer. */
export function AxisHead({ window, onPick }: Props) {
  const [drag, setDrag] = useState<Drag | null>(null);
  const axis = useRef<HTMLDivElement>(null);
  const ticks = ticksOf(window, mostTicks);
  const stepMs = ticks.length > 1 ? ticks[1]!.ms - ticks[0]!.ms : widthOf(window);
  const shareAt = ({ clientX }: PointerEvent): number => {
    const { left, width } = axis.current!.getBoundingClientRect();
    return Math.min(1, Math.max(0, (clientX - left) / width));
  };
  const begin = (event: PointerEvent): void => {
    axis.current!.setPointerCapture(event.pointerId);
    setDrag({ from: shareAt(event), to: shareAt(event) });
  };
  const end = (): void => {
    setDrag(null);
    if (!drag || Math.abs(drag.to - drag.from) < leastDrag) return;
    const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    const width = widthOf(window);
    onPick({ fromMs: window.fromMs + from * width, toMs: window.fromMs + to * width });
  };
  return (
    <div role="row" class="waterfall-head">
      <span role="columnheader">Span</span>
      <div
        role="columnheader"
        aria-label="Time"
        class="axis"
        ref={axis}
        onPointerDown={begin}
        onPointerMove={(event) => drag && setDrag({ ...drag, to: shareAt(event) })}
        onPointerUp={end}
        onPointerCancel={() => setDrag(null)}
      >
        {ticks.map(({ ms, at }) => (
          <span key={ms} class="tick num" data-edge={at > 0.9 ? "end" : at < 0.1 ? "start" : "none"} style={{ left: percent(at) }}>
            {tickLabel(ms, stepMs)}
          </span>
        ))}
        {drag && (
          <span
            class="axis-drag"
            style={{ left: percent(Math.min(drag.from, drag.to)), width: percent(Math.abs(drag.to - drag.from)) }}
          />
        )}
      </div>
    </div>
  );
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(4)}%`;
}
