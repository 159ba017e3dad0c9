import { formatCount } from "../../format.js";
import { href } from "../../router.js";
import type { ChannelDetailView } from "../../types.js";

/** Who is in a channel, where its namespace keeps presence. */
export function MembersCard({ channel: { members, num_members } }: { channel: ChannelDetailView }) {
  return (
    <section class="card" aria-labelledby="members-title">
      <h2 id="members-title">
        Members {members && <span class="muted num">{formatCount(num_members)}</span>}
      </h2>
      {members === null && <p class="hint">The namespace keeps no presence.</p>}
      {members?.length === 0 && <p class="hint">Nobody is there.</p>}
      {members && members.length > 0 && (
        <ul class="members" tabIndex={0} aria-label="Members">
          {members.map(({ client, user }) => (
            <li key={client}>
              <a href={href("connections", [], { client })} title={client}>
                {user || "anonymous"}
              </a>{" "}
              <code class="muted">{client.slice(0, 8)}</code>
            </li>
          ))}
        </ul>
      )}
      {members && num_members > members.length && (
        <p class="hint">and {formatCount(num_members - members.length)} more</p>
      )}
    </section>
  );
}
