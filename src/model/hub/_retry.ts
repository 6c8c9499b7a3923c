import { HubUnreachable } from "./hub_client.ts";

/** Attempts without any success before giving up. */
export const ATTEMPTS = 5;

/** Asks again while the server says that it cannot answer for now; one that is not there is not asked again. */
export async function retried<T>(
  ask: () => Promise<T>,
  retryDelay: number,
): Promise<T> {
  for (let failures = 1;; failures++) {
    try {
      return await ask();
    } catch (error) {
      const busy = error instanceof HubUnreachable &&
        error.retryAfter !== undefined;
      if (!busy || failures === ATTEMPTS) throw error;
      await pause(error, { failures, retryDelay });
    }
  }
}

/** Waits before another attempt: twice as long each time, and as long as the server wished. */
export async function pause(
  { retryAfter = 0 }: HubUnreachable,
  { failures, retryDelay }: {
    readonly failures: number;
    readonly retryDelay: number;
  },
): Promise<void> {
  const wait = Math.max(retryAfter, retryDelay * 2 ** (failures - 1));
  await new Promise((resolve) => setTimeout(resolve, wait));
}
