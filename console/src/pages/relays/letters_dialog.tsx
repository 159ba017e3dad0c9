import { api } from "../../api.js";
import { Confirm } from "../../components/confirm.js";
import { toast } from "../../components/toast.js";
import { plural } from "../../format.js";
import type { Letters } from "../../types.js";

/** `ids`: null for all that are there, also those that are not listed. */
export interface Asked {
  readonly what: "replay" | "remove";
  readonly ids: readonly string[] | null;
}

interface Props {
  relay: string;
  asked: Asked;
  onDone: () => void;
  onClose: () => void;
}

const texts = {
  replay: {
    verb: "Replay",
    done: "replayed",
    consequence:
      "The consumer gets them again, as the publisher sent them. What still cannot be published comes back as a dead letter. A letter that was published before is published once, as long as its idempotency key is remembered.",
  },
  remove: {
    verb: "Remove",
    done: "removed",
    consequence: "They are gone for good: nobody will get what they say.",
  },
} as const;

export function LettersDialog({ relay, asked: { what, ids }, onDone, onClose }: Props) {
  const { verb, done, consequence } = texts[what];
  const which = ids === null ? "all dead letters" : plural(ids.length, "dead letter");
  const act = async (): Promise<void> => {
    const body: Letters = ids === null ? { everything: true } : { ids: [...ids] };
    const { count } = await api[what](relay, body);
    toast(`${plural(count, "dead letter")} ${done}.`);
    onDone();
  };
  return (
    <Confirm
      title={`${verb} ${which}?`}
      action={verb}
      isDangerous={what === "remove"}
      onConfirm={act}
      onClose={onClose}
    >
      <p>
        {ids === null ? "All dead letters" : plural(ids.length, "dead letter")} of <code>{relay}</code>
        {ids === null && ", also those that are not listed here"}. {consequence}
      </p>
      {ids !== null && ids.length === 1 && (
        <p>
          Letter <code>{ids[0]}</code>
        </p>
      )}
    </Confirm>
  );
}
