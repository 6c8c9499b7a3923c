/**
 * Hugging Face formats: tokenizer, chat template, tool calls, config.json, safetensors and PEFT adapters.
 *
 * This room reads and writes the files of a model folder and turns text into token ids and back.
 * With `tuner` it is the only one that knows text; it imports no other room. It knows nothing of
 * GPUs: tensors leave it as host arrays, read lazily, and what they compute is `nn`'s business.
 * Everything read from a file is checked here, hard, and refused with a `ModelError` that names
 * the file and the field, so that nothing hostile or unsupported reaches the rooms above.
 *
 * @module
 */
export type { JsonObject } from "./_files.ts";
export {
  ADAPTER_MODULES,
  ADAPTER_TARGETS,
  adapterConfigJson,
  adapterScale,
  parseAdapterConfig,
} from "./adapter_config.ts";
export type {
  AdapterConfig,
  AdapterModule,
  AdapterTarget,
} from "./adapter_config.ts";
export {
  moduleOf,
  moduleShapes,
  moduleTensors,
  PEFT_PREFIX,
  resolveModules,
  untiesEmbeddings,
} from "./adapter_modules.ts";
export { adaptedMatrices, adapterShapes } from "./adapter_shapes.ts";
export type { AdaptedMatrix } from "./adapter_shapes.ts";
export type { ChatMessage, ChatTextPart, ChatToolCall } from "./chat.ts";
export { ChatTemplate } from "./chat_template.ts";
export type { ChatTemplateOptions, RenderOptions } from "./chat_template.ts";
export { detectToolFormat } from "./detect_tool_format.ts";
export { hermesToolFormat } from "./hermes_tool_format.ts";
export { initAdapter } from "./init_adapter.ts";
export {
  isAdapterFolder,
  loadAdapter,
  readAdapterConfig,
} from "./load_adapter.ts";
export type { Adapter } from "./load_adapter.ts";
export { llama3ToolFormat } from "./llama3_tool_format.ts";
export { loadChatTemplate } from "./load_chat_template.ts";
export { loadModelFolder } from "./load_model_folder.ts";
export type { ModelFolder } from "./load_model_folder.ts";
export { loadModelWeights, readModelConfig } from "./load_model_weights.ts";
export type { ModelWeights } from "./load_model_weights.ts";
export { loadTokenizer } from "./load_tokenizer.ts";
export { mistralToolFormat } from "./mistral_tool_format.ts";
export type { Architecture, ModelConfig, RopeScaling } from "./model_config.ts";
export { modelTensors } from "./model_tensors.ts";
export { openWeights } from "./open_weights.ts";
export { parameterShapes } from "./parameter_shapes.ts";
export { parseModelConfig } from "./parse_model_config.ts";
export { pythonicToolFormat } from "./pythonic_tool_format.ts";
export { readSafetensors } from "./read_safetensors.ts";
export { readShardedSafetensors } from "./read_sharded_safetensors.ts";
export { readRows } from "./read_rows.ts";
export { joinReasoning, ReasoningStream, splitReasoning } from "./reasoning.ts";
export type { ReasonedReply } from "./reasoning.ts";
export { saveAdapter } from "./save_adapter.ts";
export type { SaveAdapterOptions } from "./save_adapter.ts";
export { saveModelFolder } from "./save_model_folder.ts";
export type { SaveModelFolderOptions } from "./save_model_folder.ts";
export { StreamDecoder } from "./stream_decoder.ts";
export { elementCount } from "./tensor.ts";
export type {
  FloatType,
  HostTensor,
  LazyTensor,
  TensorInfo,
} from "./tensor.ts";
export { TensorStore } from "./tensor_store.ts";
export { Tokenizer } from "./tokenizer.ts";
export type {
  DecodeOptions,
  EncodeOptions,
  TokenizerOptions,
} from "./tokenizer.ts";
export type {
  ParsedReply,
  ToolCall,
  ToolFormat,
  ToolStream,
} from "./tool_format.ts";
export { QWEN2_PRETOKENIZER, trainBpe } from "./train_bpe.ts";
export type { TrainBpeOptions } from "./train_bpe.ts";
export { widenAdapter } from "./widen_adapter.ts";
export type { WidenAdapterOptions } from "./widen_adapter.ts";
export { writeSafetensors } from "./write_safetensors.ts";
export type { WriteSafetensorsOptions } from "./write_safetensors.ts";
export { writeWeights } from "./write_weights.ts";
export type { WriteWeightsOptions } from "./write_weights.ts";
