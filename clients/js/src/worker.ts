// The script of the shared worker: `new SharedWorker(<this>, { type: "module", name })`. One worker per log-in, by name.
import { Host } from "./link/host.js";
import { workerLock, type FromHost, type ToHost } from "./link/messages.js";

interface Scope {
  name: string;
  onconnect: ((event: MessageEvent) => void) | null;
}

const scope = globalThis as unknown as Scope;

const ports = new Map<string, MessagePort>();

function post(tabs: string[], message: FromHost): void {
  for (const tab of tabs) ports.get(tab)?.postMessage(message);
}

const host = new Host(post, navigator.locks, {}, (tab) => ports.delete(tab));

/** Held for as long as the worker lives, so that tabs can tell. Ends when it is held. */
const held = new Promise<void>((resolve) => {
  const hold = (): Promise<never> => {
    resolve();
    return new Promise(() => undefined);
  };
  void navigator.locks.request(workerLock(scope.name), hold);
});

scope.onconnect = async ({ ports: [port] }) => {
  await held;
  if (!port) return;
  port.onmessage = ({ data }: MessageEvent<{ from: string; message: ToHost }>) => {
    if (data.message.kind === "attach") ports.set(data.from, port);
    host.receive(data.from, data.message);
  };
  port.postMessage({ kind: "hello" } satisfies FromHost);
};
