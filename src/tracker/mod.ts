/**
 * Token trees: what an episode's calls were, to the token, and what the trainer computes on.
 *
 * `TokenTree` records one episode: every call as the engine saw it, each shared prefix once, with
 * the cause of each branch and the reason why a call cannot be trained. `buildBatch` merges the
 * trees of many episodes into the depth-first arrays and loss terms that the trainer runs on.
 *
 * Plain data in, plain data out: this room knows neither text nor engines nor the GPU. The gateway
 * records; rollout owns the trees with their episodes; the trainer builds the batches.
 *
 * @module
 */

export { buildBatch } from "./build_batch.ts";
export type {
  Batch,
  BatchEpisode,
  BatchGroup,
  BuildBatchOptions,
  Normalisation,
} from "./build_batch.ts";
export { TokenTree } from "./token_tree.ts";
export { untrainableReason } from "./untrainable_reason.ts";
export type {
  BranchCause,
  BranchKind,
  Call,
  CallTerms,
  Recorded,
  Terms,
  Timeline,
  TreeBatch,
} from "./types.ts";
