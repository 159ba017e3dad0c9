import { canonical, fingerprint } from "./fingerprint.js";
import { plural } from "./sentences.js";

/** What one device holds of a document. */
export interface Holding {
  readonly name: string;
  readonly phase: "loading" | "held" | "signed_out";
  readonly version: number;
  /** Edits that the hub is not known to have. */
  readonly waiting: number;
  readonly value: unknown;
}

export interface Convergence {
  readonly state: "waiting" | "same" | "apart";
  readonly sentence: string;
}

/** Compares what two devices hold of the cart: not by what the hub says, but document against document. */
export function compareDevices(left: Holding, right: Holding): Convergence {
  const phases = [left.phase, right.phase];
  if (phases.includes("loading")) return waiting("Waiting for both devices to load the cart");
  if (phases.includes("signed_out")) return describeSignedOut(left, right);
  return compareDocuments(left, right);
}

function compareDocuments(left: Holding, right: Holding): Convergence {
  const { version } = left;
  if (version !== right.version) return apart(withWaiting(describeLag(left, right), left, right));
  if (left.waiting + right.waiting > 0)
    return apart(withWaiting(`Both devices know version ${version} of the cart`, left, right));
  if (canonical(left.value) !== canonical(right.value))
    return apart(`Version ${version} of the cart differs between the devices`);
  const sentence = `Both devices hold version ${version} of the cart, fingerprint ${fingerprint(left.value)}`;
  return { state: "same", sentence };
}

function describeSignedOut(left: Holding, right: Holding): Convergence {
  const held = [left, right].find(({ phase }) => phase === "held");
  if (!held) return waiting("Both devices are signed out");
  const other = held === left ? right : left;
  const holds = `${held.name} holds version ${held.version} of the cart`;
  return waiting(`${other.name} is signed out and holds nothing; ${holds}`);
}

function describeLag(left: Holding, right: Holding): string {
  const [behind, ahead] = left.version < right.version ? [left, right] : [right, left];
  return `${behind.name} is ${plural(ahead.version - behind.version, "version")} behind ${ahead.name}`;
}

function withWaiting(sentence: string, ...devices: Holding[]): string {
  const queues = devices.filter((device) => device.waiting > 0);
  return [sentence, ...queues.map(describeQueue)].join("; ");
}

function describeQueue({ name, waiting: count }: Holding): string {
  return `${plural(count, "edit")} of ${name} ${count === 1 ? "waits" : "wait"}`;
}

function waiting(sentence: string): Convergence {
  return { state: "waiting", sentence };
}

function apart(sentence: string): Convergence {
  return { state: "apart", sentence };
}
