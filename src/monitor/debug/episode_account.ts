import type { Tokenizer } from "../../model/mod.ts";
import type { Episode } from "../../rollout/mod.ts";
import type { SessionRequest } from "../../tuner/mod.ts";
import { callAccounts } from "./_call_accounts.ts";
import { sourceExcerpt } from "./_source_excerpt.ts";
import type { EpisodeAccount } from "./types.ts";
import { learningVerdict } from "./_verdict.ts";

/** What an account is made with. */
export interface EpisodeAccountOptions {
  /** What token ids stand for; absent where that is not known. */
  readonly tokenizer?: Pick<Tokenizer, "wholeText" | "tokenBytes"> | undefined;
  /** The episode's requests at the gateway. @default none */
  readonly requests?: readonly SessionRequest[] | undefined;
}

/** Gathers what happened in an episode. */
export function episodeAccount(
  episode: Episode,
  { tokenizer, requests = [] }: EpisodeAccountOptions = {},
): EpisodeAccount {
  const { id, group, task, index, reward, success, metadata, metrics, log } =
    episode;
  const { tree, error } = episode;
  const calls = callAccounts(episode, { tokenizer, requests });
  const numbers = {
    timelines: tree.timelines().length,
    tokens: tree.size,
    tokensApart: tree.calls.reduce(
      (sum, call) => sum + call.promptLength + call.sampledLength,
      0,
    ),
    trained: tree.calls
      .filter(({ untrainable }) => untrainable === undefined)
      .reduce((sum, { sampledLength }) => sum + sampledLength, 0),
  };
  const source = error && sourceExcerpt(error.message);
  return {
    id,
    group,
    task: { id: task.id, query: task.query },
    index,
    reward: Number.isFinite(reward) ? reward : null,
    success,
    metadata,
    metrics,
    log,
    error: error === undefined ? null : { ...error, ...(source && { source }) },
    calls,
    refused: requests.flatMap(({ agent, error, began, ended }) =>
      error === undefined
        ? []
        : [{ agent, message: error, seconds: (ended - began) / 1000 }]
    ),
    learning: {
      ...numbers,
      verdict: learningVerdict(calls, numbers, error !== undefined),
    },
    seconds: { total: episode.seconds, model: busySeconds(requests) },
  };
}

/** Time with at least one request in progress. */
function busySeconds(requests: readonly SessionRequest[]): number {
  let busy = 0;
  let until = -Infinity;
  for (
    const { began, ended } of requests.toSorted((a, b) => a.began - b.began)
  ) {
    busy += Math.max(0, ended - Math.max(began, until));
    until = Math.max(until, ended);
  }
  return busy / 1000;
}
