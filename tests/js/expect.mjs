// Assertions and waits that Node.js and browsers both have.

export const patienceMs = 15_000;

export function equal(actual, expected, what = "") {
  const [left, right] = [canonical(actual), canonical(expected)];
  if (left !== right) throw new Error(`${what && `${what}: `}${left} instead of ${right}`);
}

/** All whole numbers of a range, both ends included. */
export function numbers(from, to) {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

export function ok(value, what) {
  if (!value) throw new Error(what);
}

/** The error that a promise is rejected with. */
export async function rejection(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`not refused: ${JSON.stringify(value)}`);
}

/** The next event of one kind that fits. */
export function next(emitter, kind, fits = () => true) {
  return within(
    new Promise((resolve) => {
      const listener = (context) => {
        if (!fits(context)) return;
        emitter.off(kind, listener);
        resolve(context);
      };
      emitter.on(kind, listener);
    }),
    kind,
  );
}

/** Keeps every event of one kind; `until` waits for enough of them. */
export class Recording {
  constructor(emitter, kind) {
    this.emitter = emitter;
    this.kind = kind;
    this.events = [];
    emitter.on(kind, (context) => this.events.push(context));
  }

  get data() {
    return this.events.map(({ data }) => data);
  }

  async until(count) {
    while (this.events.length < count) {
      const left = `${this.kind} ${count}, having ${JSON.stringify(this.events)}`;
      await within(new Promise((resolve) => this.emitter.once(this.kind, resolve)), left);
    }
    return this.events;
  }
}

/** Asks until the answer is true. */
export async function eventually(check, what) {
  const deadlineMs = Date.now() + patienceMs;
  while (!(await check())) {
    if (Date.now() > deadlineMs) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not happen: ${what}`)), patienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function canonical(value) {
  return JSON.stringify(value, (_, inner) =>
    inner && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
