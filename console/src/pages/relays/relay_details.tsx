import { NodeName } from "../../components/node_name.js";
import { Facts } from "../../components/page.js";
import { formatDuration, formatRate } from "../../format.js";
import { href } from "../../router.js";
import { rateText, StateBadge, type RelayRow } from "./relay_list.js";
import { isCounter, kindName, measureName } from "./relay_rates.js";

/** Everything that one source, sink or outbox says of itself. Rates are between the last two readings. */
export function RelayDetails({ row: { relay, rates } }: { row: RelayRow }) {
  const names = Object.keys(relay.measures).sort();
  return (
    <>
      <Facts
        facts={[
          ["Kind", kindName(relay.kind)],
          ["Node", <NodeName uid={relay.node} name={relay.node_name} />],
          ["State", <StateBadge relay={relay} />],
          [relay.is_attached ? "For" : "Since", <span class="num">{formatDuration(relay.age_s)}</span>],
          ...(relay.detail ? ([["Detail", relay.detail]] as const) : []),
          ...(relay.has_dead_letters
            ? ([["Dead letters", <a href={href("relays", [relay.name])}>Inspect and replay</a>]] as const)
            : []),
        ]}
      />
      <h3>Measures</h3>
      {names.length === 0 ? (
        <p class="hint">None</p>
      ) : (
        <table class="measures">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Value</th>
              <th scope="col">Per second</th>
            </tr>
          </thead>
          <tbody>
            {names.map((name) => (
              <tr key={name}>
                <th scope="row">{measureName(name, relay.name)}</th>
                <td class="num">{formatRate(relay.measures[name]!)}</td>
                <td class="num">{isCounter(name) ? rateText(rates.get(name) ?? null) : ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
