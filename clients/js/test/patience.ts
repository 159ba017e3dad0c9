/** Waits until it is so. Fails with what it waited for. */
export async function eventually(check: () => boolean, what: string): Promise<void> {
  const deadlineMs = Date.now() + 5_000;
  while (!check()) {
    if (Date.now() > deadlineMs) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
