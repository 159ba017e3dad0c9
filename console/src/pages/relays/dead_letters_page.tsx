import { useState } from "preact/hooks";
import { SynclineError } from "syncline";
import { api } from "../../api.js";
import { Badge } from "../../components/badge.js";
import { Button, ReloadButton } from "../../components/button.js";
import { Page, Panel, Split } from "../../components/page.js";
import { EmptyState, Loaded } from "../../components/states.js";
import { Table, type Column } from "../../components/table.js";
import { Time } from "../../components/time.js";
import { formatBytes, formatCount, plural, shorten } from "../../format.js";
import { useResource } from "../../resource.js";
import { href } from "../../router.js";
import { LetterDetails } from "./letter_details.js";
import { LettersDialog, type Asked } from "./letters_dialog.js";
import { grouped, presentIds, reasonText, type LetterRow } from "./letters.js";

const limit = 200;
/** What there is room for beside the details, which have the rest. */
const besideDetails: ReadonlySet<string> = new Set(["subject", "reason", "since"]);

/** What a consumer could not publish. Loaded once, and again when asked: the audit trail has who looked. */
export function DeadLettersPage({ relay }: { relay: string }) {
  const resource = useResource(relay, () => api.deadLetters(relay, limit));
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [openId, setOpenId] = useState("");
  const [asked, setAsked] = useState<Asked | null>(null);
  const rows = grouped(resource.data?.letters ?? []);
  const ids = presentIds(rows, selected);
  const open = rows.find(({ letter }) => letter.id === openId);
  const areMore = (resource.data?.letters.length ?? 0) >= limit;
  const finish = (): void => {
    setSelected(new Set());
    setOpenId("");
    resource.reload();
  };
  return (
    <Page
      title={`Dead letters of ${shorten(relay, 40)}`}
      count={resource.data && `${areMore ? "the oldest " : ""}${formatCount(resource.data.letters.length)}`}
      actions={<ReloadButton isBusy={resource.isLoading} onClick={resource.reload} />}
    >
      <p class="crumbs">
        <a href={href("relays")}>Relays</a> <span aria-hidden="true">/</span> <code>{relay}</code>
      </p>
      {isUnknown(resource.failure) && !resource.data ? (
        <EmptyState title="This consumer keeps no dead letters">It is not configured, or its carrier has no place for them.</EmptyState>
      ) : (
        <Loaded resource={resource}>
          {() => (
            <>
              {rows.length > 0 && <Actions ids={ids} onAsk={setAsked} />}
              <Split
                panel={
                  open && (
                    <Panel title={`Letter ${shorten(open.letter.id, 30)}`} onClose={() => setOpenId("")}>
                      <LetterDetails row={open} onAsk={setAsked} />
                    </Panel>
                  )
                }
              >
                <Table
                  label="Dead letters"
                  columns={open ? columns.filter(({ key }) => besideDetails.has(key)) : columns}
                  rows={rows}
                  keyOf={({ letter }) => letter.id}
                  openKey={openId}
                  onOpen={({ letter }) => setOpenId(letter.id === openId ? "" : letter.id)}
                  ticked={new Set(ids)}
                  onTick={setSelected}
                  empty={<EmptyState title="No dead letters">Everything that came could be published.</EmptyState>}
                />
              </Split>
            </>
          )}
        </Loaded>
      )}
      {asked && <LettersDialog relay={relay} asked={asked} onDone={finish} onClose={() => setAsked(null)} />}
    </Page>
  );
}

function isUnknown(failure: unknown): boolean {
  return failure instanceof SynclineError && failure.status === 404;
}

function Actions({ ids, onAsk }: { ids: readonly string[]; onAsk: (asked: Asked) => void }) {
  const isNone = ids.length === 0;
  return (
    <div class="toolbar letters-actions" role="group" aria-label="Actions">
      <span class="num muted letters-selected" role="status">
        {isNone ? "None selected" : `${plural(ids.length, "letter")} selected`}
      </span>
      <Button disabled={isNone} onClick={() => onAsk({ what: "replay", ids })}>
        Replay selected…
      </Button>
      <Button disabled={isNone} onClick={() => onAsk({ what: "remove", ids })}>
        Remove selected…
      </Button>
      <span class="gap" />
      <Button onClick={() => onAsk({ what: "replay", ids: null })}>Replay all…</Button>
      <Button onClick={() => onAsk({ what: "remove", ids: null })}>Remove all…</Button>
    </div>
  );
}

const columns: readonly Column<LetterRow>[] = [
  {
    key: "subject",
    title: "Subject",
    isTitle: true,
    render: ({ letter: { subject }, numCopies }) => (
      <span class="line">
        <code class="cut" title={subject}>
          {subject || "–"}
        </code>
        {numCopies > 1 && <Badge title="Copies of one message, treated as one">{`× ${numCopies}`}</Badge>}
      </span>
    ),
    sortBy: ({ letter }) => letter.subject,
  },
  {
    key: "reason",
    title: "Reason",
    render: ({ letter: { reason } }) => (
      <Badge tone="bad" title={reasonText(reason)}>
        {reason}
      </Badge>
    ),
    sortBy: ({ letter }) => letter.reason,
  },
  {
    key: "detail",
    title: "Detail",
    isWide: true,
    render: ({ letter: { detail } }) => (
      <span class="cut" title={detail}>
        {detail || "–"}
      </span>
    ),
  },
  {
    key: "since",
    title: "Dead since",
    isLong: true,
    render: ({ letter: { dead_since_ms } }) => (dead_since_ms ? <Time ms={dead_since_ms} /> : <span class="muted">unknown</span>),
    sortBy: ({ letter }) => letter.dead_since_ms || null,
  },
  {
    key: "attempts",
    title: "Attempts",
    isNumber: true,
    render: ({ letter: { attempts } }) => (attempts ? formatCount(attempts) : "–"),
    sortBy: ({ letter }) => letter.attempts || null,
  },
  {
    key: "size",
    title: "Body",
    isNumber: true,
    render: ({ letter: { body, is_cut } }) => `${is_cut ? "> " : ""}${formatBytes(sizeOf(body))}`,
    sortBy: ({ letter }) => letter.body.length,
  },
];

function sizeOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
