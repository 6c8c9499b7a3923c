/**
 * Engines: token ids in, sampled token ids and logprobs out.
 *
 * One interface, several carriers: the embedded WebGPU engine lives here, vLLM will stand beside it.
 * An engine knows nothing of text, chat, episodes or rewards. It owns its key-value cache and its
 * batch; whoever opened it closes it.
 *
 * @module
 */
export type * from "./engine.ts";
export {
  openWebGpu,
  type OpenWebGpuOptions,
  type WebGpu,
} from "./open_webgpu.ts";
