/**
 * Engines: token ids in, sampled token ids and logprobs out.
 *
 * One interface, two carriers: the embedded WebGPU engine, and vLLM servers over HTTP, which get
 * trained weights through a `WeightSink`. An engine knows nothing of text, chat, episodes or rewards.
 * It owns its key-value cache and its batch; whoever opened it closes it.
 *
 * @module
 */
export type * from "./engine.ts";
export {
  type AdapterSlots,
  openWebGpu,
  type OpenWebGpuOptions,
  planWebGpu,
  type PlanWebGpuOptions,
  type WebGpu,
} from "./open_webgpu.ts";
export {
  openVllm,
  type OpenVllmOptions,
  type Vllm,
  type VllmServer,
} from "./vllm/open_vllm.ts";
export type { TokenizedText } from "./vllm/_check_tokenizer.ts";
export type { VllmStats } from "./vllm/vllm_engine.ts";
export type { WeightSink } from "./weight_sink.ts";
export { withAdapter } from "./with_adapter.ts";
