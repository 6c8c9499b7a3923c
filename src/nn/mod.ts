/**
 * The transformer on the GPU: forward, backward, optimizer, decoding.
 *
 * One Worker owns the GPU and one copy of the weights, which training and decoding share, so that a sync costs nothing. The
 * adapters over them are sets of values that take turns in the kernels' buffers, one submission to the next. The
 * main thread holds its end, `GpuHost`, and never waits for the GPU. This room works on token trees and
 * token ids; it knows neither text nor losses, advantages or episodes. What a loss makes of the logprobs is the trainer's;
 * here are the logprobs, and the weights' gradients for whatever derivatives come back.
 *
 * @module
 */
export type { DecoderSize } from "./decoder.ts";
export { GpuHost, type ProgressListener } from "./gpu_host.ts";
export { type AdapterName, DEFAULT_ADAPTER } from "./parameter_sets.ts";
export {
  type MemoryPlan,
  type PlanArguments,
  planMemory,
} from "./plan_memory.ts";
export type * from "./policy.ts";
export type { Calls, OpenArguments, Opened } from "./protocol.ts";
export type { Progress, ScheduledRequest } from "./scheduler.ts";
export type { TransformerShape } from "./shape.ts";
