import type { ChatMessage } from "../../model/mod.ts";
import type { BranchKind } from "../../tracker/mod.ts";

/** One episode as it happened; JSON. */
export interface EpisodeAccount {
  readonly id: string;
  /** The same for all episodes of a task. */
  readonly group: string;
  readonly task: { readonly id: string; readonly query: string };
  /** Place among the episodes of its task, from 0. */
  readonly index: number;
  /** Null where the episode failed. */
  readonly reward: number | null;
  readonly success: boolean;
  /** What workflow and judge leave with the episode: the judge's words among it. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** What the agent printed. */
  readonly log: string;
  readonly error: EpisodeFailure | null;
  readonly calls: readonly CallAccount[];
  /** Requests that were not answered. */
  readonly refused: readonly {
    readonly agent: string;
    readonly message: string;
    readonly seconds: number;
  }[];
  readonly learning: LearningAccount;
  readonly seconds: {
    readonly total: number;
    /** With at least one request in progress. */
    readonly model: number;
  };
}

/** Why an episode failed, and the line of the user's code where it did. */
export interface EpisodeFailure {
  readonly stage: string;
  readonly message: string;
  /** Absent where the message names no file that can be read. */
  readonly source?: SourceExcerpt;
}

/** A line of the user's code, with its neighbours. */
export interface SourceExcerpt {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** From 1; absent where only the line is known. */
  readonly column?: number;
  /** Number of the first line of `text`. */
  readonly first: number;
  readonly text: readonly string[];
}

/** One call of the episode. */
export interface CallAccount {
  readonly id: string;
  readonly agent: string;
  /** Messages of its prompt that no earlier call had there, in order. */
  readonly sent: readonly ChatMessage[];
  /** Messages of its prompt before those. */
  readonly sentBefore: number;
  /** Null where the call was cut off. */
  readonly reply: ChatMessage | null;
  readonly promptTokens: number;
  /** Leading ones that the episode had before. */
  readonly sharedTokens: number;
  readonly sampledTokens: number;
  /** The sampled ones; empty where the endpoint gives no ids. */
  readonly tokens: readonly TokenAccount[];
  readonly temperature: number;
  readonly finishReason: string;
  /** Null where it is not known. */
  readonly seconds: number | null;
  /** Number of the call, from 1, that this one goes on from; null where it begins anew. */
  readonly continues: number | null;
  readonly branch: BranchAccount | null;
  /** Why nothing can be learnt from it. */
  readonly untrainable: string | null;
  /** The same in words: what would merge, what would branch, and why. */
  readonly verdict: string;
}

/** One sampled token. */
export interface TokenAccount {
  readonly id: number;
  readonly text: string;
  /** At the sampling temperature; null where there is none. */
  readonly logprob: number | null;
}

/** Where and why a call left a path that the episode already had. */
export interface BranchAccount {
  readonly kind: BranchKind;
  /** Tokens shared before the paths part. */
  readonly depth: number;
  /** Text of the token that stood there before. */
  readonly expected: string;
  /** Text of the token that this call has instead. */
  readonly found: string;
  /** The gateway's words. */
  readonly detail: string | null;
}

/** What training would make of the episode. */
export interface LearningAccount {
  /** Token paths from a root to a leaf. */
  readonly timelines: number;
  /** Distinct tokens: what one forward pass computes. */
  readonly tokens: number;
  /** Tokens of all calls, each counted for itself. */
  readonly tokensApart: number;
  /** Sampled tokens that carry the loss. */
  readonly trained: number;
  /** The same in words. */
  readonly verdict: string;
}
