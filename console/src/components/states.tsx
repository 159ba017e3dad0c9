import type { ComponentChildren } from "preact";
import type { Resource } from "../resource.js";
import { sentenceOf } from "../session.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";

/** There is nothing to show, and why. */
export function EmptyState({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <p class="hint">{children}</p>}
    </div>
  );
}

/** Something that holds for the whole page. */
export function Banner({ tone = "wait", children }: { tone?: "wait" | "bad"; children: ComponentChildren }) {
  return (
    <div class="banner" data-tone={tone} role="status">
      <Icon name="warning" />
      <div>{children}</div>
    </div>
  );
}

/** Nodes that gave no answer: what is listed is not all there is. */
export function SilentNodes({ names }: { names: readonly string[] }) {
  if (names.length === 0) return null;
  return (
    <Banner>
      {names.length === 1
        ? `Node ${names[0]} gave no answer: what it has is missing here.`
        : `These nodes gave no answer, and what they have is missing here: ${names.join(", ")}.`}
    </Banner>
  );
}

export function FailureBanner({ failure, onRetry }: { failure: unknown; onRetry?: () => void }) {
  return (
    <Banner tone="bad">
      {sentenceOf(failure)} {onRetry && <Button onClick={onRetry}>Try again</Button>}
    </Banner>
  );
}

interface LoadedProps<T> {
  resource: Resource<T>;
  children: (data: T) => ComponentChildren;
}

/** What has been loaded, under what went wrong since; while there is nothing yet, its place. */
export function Loaded<T>({ resource, children }: LoadedProps<T>) {
  const { data, failure, reload } = resource;
  return (
    <>
      {failure !== null && <FailureBanner failure={failure} onRetry={reload} />}
      {data !== null ? children(data) : failure === null && <Placeholder />}
    </>
  );
}

export function Placeholder() {
  return (
    <div class="placeholder" role="status">
      <span class="unseen">Loading</span>
      {[92, 78, 85, 64].map((width) => (
        <span key={width} class="placeholder-line" data-width={width} aria-hidden="true" />
      ))}
    </div>
  );
}
