import { api } from "../../api.js";
import { ReloadButton } from "../../components/button.js";
import { CopyButton } from "../../components/copy_button.js";
import { Page } from "../../components/page.js";
import { EmptyState, Loaded, SilentNodes } from "../../components/states.js";
import { formatCount, plural, shorten } from "../../format.js";
import { useResource } from "../../resource.js";
import { href } from "../../router.js";
import type { ChannelDetailView } from "../../types.js";
import { HistoryCard } from "./history_card.js";
import { MembersCard } from "./members_card.js";
import { optionText } from "./options.js";
import { PublishCard } from "./publish_card.js";

const everyMs = 5_000;

/** One channel: who is there, what was published, how it is configured; and a way to publish to it. */
export function ChannelPage({ name }: { name: string }) {
  const resource = useResource(name, () => api.channel(name), everyMs);
  return (
    <Page
      title={shorten(name, 60)}
      actions={<ReloadButton onClick={resource.reload} />}
    >
      <p class="crumbs">
        <a href={href("channels")}>Channels</a> <span aria-hidden="true">/</span> <code>{name}</code>
        <CopyButton text={name} label="Copy channel name" />
      </p>
      <Loaded resource={resource}>
        {(channel) => (
          <>
            <SilentNodes names={channel.silent} />
            <ChannelFacts channel={channel} />
            <div class="channel-cards">
              <div class="channel-main">
                <HistoryCard channel={channel} />
                <OptionsCard channel={channel} />
              </div>
              <div class="channel-side">
                <PublishCard channel={channel.name} onPublished={resource.reload} />
                <MembersCard channel={channel} />
              </div>
            </div>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function ChannelFacts({ channel: { namespace, num_clients, offset, epoch } }: { channel: ChannelDetailView }) {
  return (
    <ul class="trace-facts" aria-label="Summary">
      <li class="num">{plural(num_clients, "subscriber")}</li>
      <li>{namespace ? <>Namespace {namespace}</> : "No namespace"}</li>
      {offset !== null && <li class="num">Offset {formatCount(offset)}</li>}
      {epoch && <li>Epoch {epoch}</li>}
    </ul>
  );
}

function OptionsCard({ channel: { options, namespace } }: { channel: ChannelDetailView }) {
  const names = Object.keys(options).sort();
  return (
    <section class="card" aria-labelledby="options-title">
      <h2 id="options-title">{namespace ? `Options of namespace ${namespace}` : "Options of channels without a namespace"}</h2>
      {names.length === 0 && <EmptyState title="No options" />}
      <dl class="options">
        {names.map((option) => (
          <div key={option}>
            <dt title={option}>{option}</dt>
            <dd>{optionText(options[option])}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
