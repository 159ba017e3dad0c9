import { IconButton } from "../button.js";
import { zoomed, type Window } from "./axis.js";
import { legend } from "./waterfall_keys.js";

interface Props {
  window: Window;
  whole: Window;
  isWhole: boolean;
  /** Null: the whole trace. */
  onPick: (window: Window | null) => void;
}

/** What the keys do, and buttons for who has none. */
export function WaterfallTools({ window, whole, isWhole, onPick }: Props) {
  return (
    <div class="waterfall-tools">
      <dl class="waterfall-legend" aria-label="Keys">
        {legend.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <IconButton icon="minus" label="Zoom out" onClick={() => onPick(zoomed(window, "out", whole))} />
      <IconButton icon="plus" label="Zoom in" onClick={() => onPick(zoomed(window, "in", whole))} />
      <IconButton icon="fit" label="Whole trace" disabled={isWhole} onClick={() => onPick(null)} />
    </div>
  );
}
