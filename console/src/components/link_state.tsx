import { useEffect, useState } from "preact/hooks";
import { watchFailure } from "../live.js";
import { client, link, sentenceOf } from "../session.js";
import { Button } from "./button.js";
import { Banner } from "./states.js";

const texts = { connected: "Live", connecting: "Connecting", disconnected: "Offline" } as const;
const tones = { connected: "good", connecting: "wait", disconnected: "bad" } as const;
/** A connection that is back sooner than this has not been missed. */
const patienceMs = 1_000;

/** How the live connection is. Of one width, whatever it says. */
export function LinkBadge() {
  const state = useSettled();
  return (
    <span class="link-badge" data-tone={tones[state]} role="status">
      <span class="link-dot" aria-hidden="true" />
      {texts[state]}
    </span>
  );
}

/** What that means for what the page shows. It lies over the page: nothing moves when it comes and goes. */
export function LinkBanner() {
  return (
    <div class="link-banner">
      <LinkMessage />
    </div>
  );
}

function LinkMessage() {
  const state = useSettled();
  if (state === "connecting") return <Banner>Reconnecting. Live data stand still until the connection is back.</Banner>;
  if (state === "disconnected")
    return (
      <Banner tone="bad">
        The server has closed the live connection. <Button onClick={() => client.connect()}>Connect again</Button>
      </Banner>
    );
  if (watchFailure.value !== null)
    return <Banner tone="bad">No live data: {sentenceOf(watchFailure.value)}</Banner>;
  return null;
}

function useSettled(): keyof typeof texts {
  const now = link.value;
  const [settled, setSettled] = useState(now);
  useEffect(() => {
    if (now === "connected") return setSettled(now);
    const timer = setTimeout(() => setSettled(now), patienceMs);
    return () => clearTimeout(timer);
  }, [now]);
  return now === "connected" ? now : settled;
}
