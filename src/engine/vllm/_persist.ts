import type { Attendance } from "./_attendance.ts";
import type { Server } from "./_server.ts";
import { ServerError } from "./_server_error.ts";
import { sleep } from "./_sleep.ts";

/** How long a server is waited for that is away, and how. */
export interface Persistence {
  /** Longest time from the first failure to the last try. */
  readonly patienceMs: number;
  /** First pause before it is tried again; doubles each time. */
  readonly backoffMs: number;
  /** Ends the waiting. */
  readonly signal: AbortSignal | undefined;
  readonly attendance: Attendance;
}

/** Between two tries, whatever the backoff. */
export const LONGEST_BACKOFF_MS = 5000;

/**
 * Does `work`, which may be done twice, with a server: again and again while that is away.
 *
 * @throws {ServerError} If the server refuses it, or patience is at its end.
 * @throws The reason of `signal`.
 */
export async function persist<T>(
  server: Server,
  work: () => Promise<T>,
  { patienceMs, backoffMs, signal, attendance }: Persistence,
): Promise<T> {
  let end: number | undefined;
  for (let tries = 0;; tries++) {
    signal?.throwIfAborted();
    try {
      const done = await work();
      attendance.back(server);
      return done;
    } catch (error) {
      if (!(error instanceof ServerError && error.isMomentary)) throw error;
      end ??= performance.now() + patienceMs;
      const backoff = Math.min(backoffMs * 2 ** tries, LONGEST_BACKOFF_MS);
      const pause = Math.max(backoff, error.retryAfterMs ?? 0);
      if (performance.now() + pause > end) {
        throw new ServerError(
          error.failure,
          `${error.message}; it was tried for ${patienceMs / 1000} s`,
          { cause: error },
        );
      }
      attendance.away(server, error);
      await sleep(pause, signal);
    }
  }
}
