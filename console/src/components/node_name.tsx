import { nodeLabel, nodeTone } from "../node_tone.js";

/** A node, with the colour that it has on every page. */
export function NodeName({ uid, name }: { uid: string; name: string }) {
  return (
    <span class="node-name" title={`${name} (${uid})`}>
      <span class="node-dot" data-node={nodeTone(uid)} aria-hidden="true" />
      <span class="cut">{nodeLabel(name || uid)}</span>
    </span>
  );
}
