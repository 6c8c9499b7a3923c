import { Fields } from "./_fields.ts";
import type { JsonObject } from "./_files.ts";

/** Projections that can be adapted, under their Hugging Face names. */
export const ADAPTER_TARGETS = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
] as const;

/** A projection that can be adapted. */
export type AdapterTarget = typeof ADAPTER_TARGETS[number];

/** Modules that an adapter can hold whole, each under the shortest name that PEFT takes for it alone. */
export const ADAPTER_MODULES = [
  "embed_tokens",
  "input_layernorm",
  "post_attention_layernorm",
  "q_norm",
  "k_norm",
  "model.norm",
  "lm_head",
] as const;

/** A module that an adapter can hold whole: one of the model, or the same one of every layer. */
export type AdapterModule = typeof ADAPTER_MODULES[number];

/** A LoRA adapter (arXiv 2106.09685), y = x·Wᵀ + scale · (x·Aᵀ)·Bᵀ with W frozen, and what is trained whole beside it. */
export interface AdapterConfig {
  /** Rows of A, columns of B. */
  readonly rank: number;
  /** What the scale is made of. */
  readonly alpha: number;
  /** The scale is alpha / √rank (rsLoRA, arXiv 2312.03732) instead of alpha / rank. */
  readonly rslora: boolean;
  /** The projections of every layer that are adapted. */
  readonly targets: readonly AdapterTarget[];
  /** Share of what A reads that is dropped in training, and in training alone. @default 0 */
  readonly dropout?: number;
  /** Modules that it holds whole, in place of the model's own. @default none */
  readonly modules?: readonly AdapterModule[];
  /** Whether embedding and head stay one table over a model where they are, though `modules` has them. @default false */
  readonly tied?: boolean;
  /** Folder or Hub id of the model it stands over, where the adapter says so. */
  readonly base?: string;
  /** Branch, tag or commit of `base` on the Hub, where the adapter says so. */
  readonly baseRevision?: string;
}

/** Factor of an adapter's contribution. */
export function adapterScale(
  { rank, alpha, rslora }: Omit<AdapterConfig, "targets">,
): number {
  return alpha / (rslora ? Math.sqrt(rank) : rank);
}

/** Fields of `adapter_config.json` that change nothing in what a saved adapter computes. */
const HARMLESS: ReadonlySet<string> = new Set([
  "auto_mapping",
  "base_model_name_or_path",
  "ensure_weight_tying",
  // Which modules have an adapter, or are held whole, is read off the tensors, and compared with these.
  "exclude_modules",
  "inference_mode",
  "layers_pattern",
  "layers_to_transform",
  "lora_alpha",
  "lora_dropout",
  "megatron_core",
  "modules_to_save",
  "peft_type",
  "peft_version",
  "qalora_group_size",
  "r",
  "revision",
  "runtime_config",
  "target_modules",
  "task_type",
  "use_rslora",
]);

/** Ways to begin an adapter that leave the model below it as it is. */
const PLAIN_INIT: readonly unknown[] = [
  true,
  false,
  "gaussian",
  "orthogonal",
  "eva",
];

/**
 * Reads the contents of PEFT's `adapter_config.json`; what its tensors adapt is `targets`, what they are whole `modules`.
 *
 * @param source What error messages call the file.
 * @throws {ModelError} Naming the file and the field, also for every option that is not supported
 *   (DoRA, biases, ranks or scales by pattern and the like).
 */
export function parseAdapterConfig(
  json: JsonObject,
  { source, targets, modules }: {
    readonly source: string;
    readonly targets: readonly AdapterTarget[];
    readonly modules: readonly AdapterModule[];
  },
): AdapterConfig {
  const fields = new Fields(json, `${source}:`);
  if (fields.text("peft_type") !== "LORA") {
    fields.refuse("peft_type", 'is only supported as "LORA"');
  }
  if (!PLAIN_INIT.includes(json.init_lora_weights ?? true)) {
    fields.refuse(
      "init_lora_weights",
      "is not supported, since it changes the model below: convert the adapter to plain LoRA with PEFT",
    );
  }
  for (const [name, value] of Object.entries(json)) {
    if (name === "init_lora_weights" || HARMLESS.has(name)) continue;
    if (!isOff(value)) fields.refuse(name, "is not supported");
  }
  const base = json.base_model_name_or_path;
  const revision = fields.has("revision") ? fields.text("revision") : "";
  const dropout = dropoutOf(fields, json);
  return {
    rank: fields.size("r"),
    alpha: fields.positive("lora_alpha"),
    rslora: fields.flag("use_rslora", false),
    targets,
    ...(dropout > 0 && { dropout }),
    ...(modules.length > 0 && { modules }),
    ...((modules.includes("embed_tokens") || modules.includes("lm_head")) &&
      fields.flag("ensure_weight_tying", false) && { tied: true }),
    ...(typeof base === "string" && base !== "" && { base }),
    ...(revision !== "" && { baseRevision: revision }),
  };
}

function dropoutOf(fields: Fields, json: JsonObject): number {
  const value = json.lora_dropout ?? 0;
  return typeof value === "number" && value >= 0 && value < 1
    ? value
    : fields.refuse("lora_dropout", "must be a number from 0 to below 1");
}

/** Whether a value leaves its option unused. */
function isOff(value: unknown): boolean {
  if (value === null || value === false || value === "none") return true;
  return typeof value === "object" && Object.keys(value!).length === 0;
}

/** What PEFT writes into `adapter_config.json` for such an adapter. */
export function adapterConfigJson(config: AdapterConfig): JsonObject {
  const {
    rank,
    alpha,
    rslora,
    targets,
    dropout = 0,
    modules = [],
    tied,
    base,
    baseRevision,
  } = config;
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base ?? null,
    ...(baseRevision !== undefined && { revision: baseRevision }),
    inference_mode: true,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    use_rslora: rslora,
    use_dora: false,
    bias: "none",
    fan_in_fan_out: false,
    init_lora_weights: true,
    target_modules: targets,
    modules_to_save: modules.length > 0 ? modules : null,
    // A PEFT that does not know it takes the two copies that are saved.
    ...(tied && { ensure_weight_tying: true }),
    rank_pattern: {},
    alpha_pattern: {},
  };
}
