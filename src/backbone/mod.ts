/**
 * Backbones: who performs the update.
 *
 * A `Backbone` drives a run: it asks its `Job` for episodes and evaluations, improves the weights,
 * and records what it did. `WebGpuBackbone` does so in this process, with checkpoints that a killed
 * run goes on from; others hand the episodes to a trainer elsewhere. This room runs no episode and
 * computes no loss (rollout and trainer do), and opens nothing: the launcher does, and closes it.
 *
 * @module
 */
export {
  latestCheckpoint,
  loadCheckpoint,
  saveCheckpoint,
  type SaveCheckpointOptions,
} from "./checkpoint.ts";
export { probe, type ProbeGap, type ProbeOptions } from "./probe.ts";
export { saveAdapters, type SaveAdaptersOptions } from "./save_adapters.ts";
export type * from "./types.ts";
export {
  type RemoteEngine,
  WebGpuBackbone,
  type WebGpuBackboneOptions,
} from "./webgpu.ts";
