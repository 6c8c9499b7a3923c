import { buildFolder, writeText } from "./_build_folder.ts";
import { type AdapterConfig, adapterConfigJson } from "./adapter_config.ts";
import { PEFT_PREFIX } from "./adapter_modules.ts";
import type { HostTensor } from "./tensor.ts";
import { writeSafetensors } from "./write_safetensors.ts";

/** What a saved adapter consists of. */
export interface SaveAdapterOptions {
  /** Its shape, and the model it stands over. */
  readonly config: AdapterConfig;
  /** Its factors and modules under PEFT's names. */
  readonly tensors: readonly HostTensor[];
  /** Adds further files to the folder before it takes its name; given the folder's path for now. */
  readonly extra?: (folder: string) => Promise<void>;
}

/**
 * Writes an adapter in PEFT's layout, as PEFT and vLLM load it; a folder at `path` is always whole.
 *
 * @throws {ModelError} If a tensor holds NaN or infinity.
 */
export async function saveAdapter(
  path: string,
  { config, tensors, extra }: SaveAdapterOptions,
): Promise<void> {
  await buildFolder(path, async (building) => {
    await writeText(
      `${building}/adapter_config.json`,
      JSON.stringify(adapterConfigJson(config), null, 2) + "\n",
    );
    await writeSafetensors(
      `${building}/adapter_model.safetensors`,
      config.tied ? withHead(tensors) : tensors,
    );
    await extra?.(building);
  });
}

/** The one table of embedding and head under both names, as PEFT writes it. */
function withHead(tensors: readonly HostTensor[]): readonly HostTensor[] {
  return tensors.flatMap((tensor) =>
    tensor.name === `${PEFT_PREFIX}model.embed_tokens.weight`
      ? [tensor, { ...tensor, name: `${PEFT_PREFIX}lm_head.weight` }]
      : [tensor]
  );
}
