/** The user that this tab has made for itself. */
export interface DemoAccount {
  readonly email: string;
  readonly password: string;
  readonly isNew: boolean;
}

const accountName = "syncline-demo:account";

/** The account of this tab: kept across reloads, made anew in another tab. */
export async function demoAccount(storage: Storage, locks: LockManager | undefined): Promise<DemoAccount> {
  const kept = JSON.parse(storage.getItem(accountName) ?? "null") as { email: string; password: string } | null;
  if (kept && (await holdAlone(kept.email, locks))) return { ...kept, isNew: false };
  // A duplicated tab comes with a copy of the other one's storage, and two devices must not share one refresh token.
  storage.clear();
  const account = { email: `ada-${randomHex(4)}@demo.invalid`, password: randomHex(16) };
  storage.setItem(accountName, JSON.stringify(account));
  await holdAlone(account.email, locks);
  return { ...account, isNew: true };
}

/** Whether no other tab has this account. Held until the page is gone. */
function holdAlone(email: string, locks: LockManager | undefined): Promise<boolean> {
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const hold = (lock: Lock | null): Promise<void> | undefined => {
      resolve(lock !== null);
      return lock ? new Promise(() => undefined) : undefined;
    };
    void locks.request(`syncline-demo:${email}`, { ifAvailable: true }, hold);
  });
}

/** Works on plain HTTP too, where `crypto.randomUUID` does not exist. */
function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
