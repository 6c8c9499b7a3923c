import { EpisodeError } from "../errors.ts";
import type { EpisodeResult } from "./types.ts";

/**
 * The result of an episode that was cancelled for `reason`.
 *
 * @throws The reason itself, unless it is an `EpisodeError`: then the run, not the episode, ends.
 */
export function cancelled(reason: unknown, log: string): EpisodeResult {
  if (reason instanceof EpisodeError) {
    return { kind: "failed", error: reason, log };
  }
  throw reason;
}
