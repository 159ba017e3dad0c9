import { useState } from "preact/hooks";
import { SynclineError } from "syncline";
import { api } from "../../api.js";
import { Button } from "../../components/button.js";
import { Confirm } from "../../components/confirm.js";
import { TextArea } from "../../components/field.js";
import { formatCount } from "../../format.js";
import { href } from "../../router.js";
import type { PublishedView, TestPublication } from "../../types.js";
import { parseJson, parseTags, tidied, type Fault } from "./draft.js";

interface Props {
  channel: string;
  onPublished: () => void;
}

/** A message of one's own, to see where it goes. Every subscriber gets it, so it asks first. */
export function PublishCard({ channel, onPublished }: Props) {
  const [text, setText] = useState('{\n  "test": true\n}');
  const [tagText, setTagText] = useState("");
  const [isChecked, setChecked] = useState(false);
  const [asking, setAsking] = useState<TestPublication | null>(null);
  const [published, setPublished] = useState<PublishedView | null>(null);
  const parsed = parseJson(text);
  const tags = parseTags(tagText);
  const fault = isChecked && "fault" in parsed ? faultText(parsed.fault) : "";
  const ask = (): void => {
    setChecked(true);
    if ("data" in parsed && tags) setAsking({ channel, data: parsed.data, ...(tagText.trim() ? { tags } : {}) });
  };
  const publish = async (body: TestPublication): Promise<void> => {
    setPublished(null);
    setPublished(await refusedInWords(() => api.publish(body)));
    onPublished();
  };
  return (
    <section class="card publish" aria-labelledby="publish-title">
      <h2 id="publish-title">Publish a test message</h2>
      <TextArea
        label="Data (JSON)"
        value={text}
        error={fault}
        rows={7}
        onText={(next) => {
          setText(next);
          setPublished(null);
        }}
      />
      <details>
        <summary>Tags</summary>
        <TextArea
          label="Tags, one name=value a line"
          value={tagText}
          error={tags === null ? "Each line needs a name, an equals sign and a value" : ""}
          rows={2}
          onText={setTagText}
        />
      </details>
      <div class="publish-actions">
        <Button kind="quiet" disabled={"fault" in parsed} onClick={() => setText(tidied(text))}>
          Tidy
        </Button>
        <Button kind="primary" icon="send" onClick={ask}>
          Publish…
        </Button>
      </div>
      <p class="publish-result" role="status">
        {published && <Published view={published} />}
      </p>
      {asking && <PublishDialog body={asking} onConfirm={publish} onClose={() => setAsking(null)} />}
    </section>
  );
}

interface DialogProps {
  body: TestPublication;
  onConfirm: (body: TestPublication) => Promise<void>;
  onClose: () => void;
}

function PublishDialog({ body, onConfirm, onClose }: DialogProps) {
  return (
    <Confirm title="Publish this message?" action="Publish" onConfirm={() => onConfirm(body)} onClose={onClose}>
      <p>
        Every subscriber of <code>{body.channel}</code> gets it, as from any publisher, and so does its history. It cannot be
        taken back. The audit trail has that you did it.
      </p>
    </Confirm>
  );
}

function Published({ view: { offset = 0, trace_id = "" } }: { view: PublishedView }) {
  return (
    <>
      Published{offset > 0 && ` at offset ${formatCount(offset)}`}.{" "}
      {trace_id ? <a href={href("traces", [trace_id])}>Follow its trace</a> : "It has no trace: tracing is off."}
    </>
  );
}

function faultText({ message, line, column }: Fault): string {
  return `Line ${line}, column ${column}: ${message}`;
}

const platformSentence = "This channel belongs to the platform: nobody publishes to it by hand.";

/** Where the server's word alone says too little. */
async function refusedInWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    if (!(failure instanceof SynclineError) || failure.code !== "platform_channel") throw failure;
    throw new SynclineError(failure.status, failure.code, platformSentence);
  }
}
