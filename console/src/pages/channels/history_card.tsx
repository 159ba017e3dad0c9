import { useEffect, useState } from "preact/hooks";
import { SynclineError } from "syncline";
import { api } from "../../api.js";
import { Button } from "../../components/button.js";
import { Select } from "../../components/field.js";
import { JsonView } from "../../components/json_view.js";
import { Facts } from "../../components/page.js";
import { EmptyState, FailureBanner } from "../../components/states.js";
import { formatCount, plural } from "../../format.js";
import { href } from "../../router.js";
import type { ChannelDetailView, HistoryView, PublicationView } from "../../types.js";
import { traceIdOf } from "./trace_tag.js";

const limits = ["10", "50", "100"] as const;

/** What was published, newest first. Loaded only when asked for: the audit trail has who looked. */
export function HistoryCard({ channel }: { channel: ChannelDetailView }) {
  const [limit, setLimit] = useState("50");
  const [history, setHistory] = useState<HistoryView | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => setHistory(null), [channel.name]);
  const load = async (): Promise<void> => {
    setBusy(true);
    try {
      setHistory(await api.history(channel.name, Number(limit)));
      setFailure(null);
    } catch (error) {
      setFailure(error);
    }
    setBusy(false);
  };
  const numNewer = history && channel.offset !== null ? channel.offset - history.offset : 0;
  return (
    <section class="card" aria-labelledby="history-title">
      <div class="card-head">
        <h2 id="history-title">History</h2>
        {history && <span class="muted num">{plural(history.publications.length, "publication")}</span>}
        {channel.offset !== null && (
          <div class="card-tools">
            {numNewer > 0 && <span class="muted num">{formatCount(numNewer)} newer</span>}
            <LimitSelect limit={limit} onPick={setLimit} />
            <Button isBusy={isBusy} onClick={() => void load()}>
              {history ? "Load again" : "Load"}
            </Button>
          </div>
        )}
      </div>
      {failure !== null && <Failed failure={failure} onRetry={() => void load()} />}
      {channel.offset === null ? (
        <p class="hint">The namespace keeps no history.</p>
      ) : (
        !history && failure === null && <p class="hint">That you look is written to the audit trail.</p>
      )}
      {history?.publications.length === 0 && <EmptyState title="Nothing is kept">It may have expired.</EmptyState>}
      {history && history.publications.length > 0 && (
        <ul class="publications">
          {history.publications.map((publication, index) => (
            <Publication key={publication.offset ?? index} publication={publication} />
          ))}
        </ul>
      )}
    </section>
  );
}

function LimitSelect({ limit, onPick }: { limit: string; onPick: (limit: string) => void }) {
  const options = limits.map((value) => [value, `Last ${value}`] as const);
  return <Select label="At most" isLabelHidden value={limit} options={options} onPick={onPick} />;
}

function Failed({ failure, onRetry }: { failure: unknown; onRetry: () => void }) {
  const code = failure instanceof SynclineError ? failure.code : "";
  if (code === "platform_channel")
    return <p class="hint">This channel belongs to the platform: it has documents of users, which operators do not read.</p>;
  if (code === "no_history") return <p class="hint">The namespace keeps no history.</p>;
  return <FailureBanner failure={failure} onRetry={onRetry} />;
}

function Publication({ publication }: { publication: PublicationView }) {
  const [isOpen, setOpen] = useState(false);
  const { data, offset = 0, user = "", client = "" } = publication;
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span class="num offset">{formatCount(offset)}</span>
          <code class="cut">{JSON.stringify(data)?.slice(0, 200)}</code>
          <span class="muted cut from" title={client}>{user}</span>
        </summary>
        {isOpen && <PublicationDetails publication={publication} />}
      </details>
    </li>
  );
}

function PublicationDetails({ publication: { data, tags = {}, user = "", client = "" } }: { publication: PublicationView }) {
  const traceId = traceIdOf(tags);
  const facts = [
    ...(user ? [["User", user] as const] : []),
    ...(client ? [["Client", <a class="mono" href={href("connections", [], { client })}>{client}</a>] as const] : []),
    ...(traceId ? [["Trace", <a class="mono" href={href("traces", [traceId])}>{traceId}</a>] as const] : []),
    ...Object.entries(tags).map(([name, value]) => [`tag ${name}`, <code>{value}</code>] as const),
  ];
  return (
    <div class="publication">
      <JsonView value={data} label="data" />
      {facts.length > 0 && <Facts facts={facts} />}
    </div>
  );
}
