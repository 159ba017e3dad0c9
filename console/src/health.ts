import type { Json } from "syncline";

export interface Check {
  readonly name: string;
  readonly isWell: boolean;
  /** How long it has been so, or how old the knowledge is. */
  readonly ageMs: number | null;
  /** Everything else that is told about it: "orders, lag 3". */
  readonly detail: string;
}

interface Detailed {
  readonly [name: string]: Json;
}

/** The checks of `/readyz`, the failed ones first. A check is told as true or false, or as an object that says more. */
export function checksOf(health: Readonly<Record<string, Json>>): Check[] {
  const groups = ["checks", "consumers"].map((name) => health[name]).filter(isObject);
  const checks = groups.flatMap((group) => Object.entries(group).map(([name, told]) => checkOf(name, told)));
  return checks.sort((a, b) => Number(a.isWell) - Number(b.isWell) || a.name.localeCompare(b.name));
}

/** Null where nothing is known: the node gave no answer. */
export function isWell(health: Readonly<Record<string, Json>>): boolean | null {
  const { status } = health;
  return typeof status === "string" ? status === "ok" : null;
}

const verdicts = ["ok", "attached", "is_attached"];

function checkOf(name: string, told: Json): Check {
  if (!isObject(told)) return { name, isWell: told === true, ageMs: null, detail: typeof told === "string" ? told : "" };
  const { age_ms: ageMs, ...rest } = told;
  const verdict = verdicts.find((key) => key in rest);
  const detail = Object.entries(rest).filter(([key, value]) => key !== verdict && value !== "" && value !== null);
  return {
    name,
    isWell: verdict === undefined || rest[verdict] === true,
    ageMs: typeof ageMs === "number" ? ageMs : null,
    detail: detail.map(words).join(", "),
  };
}

function words([name, value]: [string, Json]): string {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return name === "detail" ? text : `${name} ${text}`;
}

function isObject(value: Json | undefined): value is Detailed {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
