import { AsyncLocalStorage } from "node:async_hooks";

/** The episode on whose behalf code runs, seen from that code. */
export interface EpisodeScope {
  /** Adds to the episode's log. */
  print(text: string): void;
  /** Fails the episode, whatever its workflow still does. */
  fail(error: unknown): void;
}

/** Follows each episode through everything it awaits, so that episodes can share a process. */
export const scope: AsyncLocalStorage<EpisodeScope> = new AsyncLocalStorage();
