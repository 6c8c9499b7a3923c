import { ModelError } from "../errors.ts";
import { exists } from "./_files.ts";
import { readSafetensors } from "./read_safetensors.ts";
import { readShardedSafetensors } from "./read_sharded_safetensors.ts";
import type { TensorStore } from "./tensor_store.ts";

/**
 * Opens the weights of a model folder: `model.safetensors`, or the shards that an index names.
 *
 * @throws {ModelError} If there are none, or only pickled ones, or a header claims what is not so.
 */
export async function openWeights(folder: string): Promise<TensorStore> {
  const index = `${folder}/model.safetensors.index.json`;
  if (await exists(`${folder}/model.safetensors`)) {
    return await readSafetensors(`${folder}/model.safetensors`);
  }
  if (await exists(index)) return await readShardedSafetensors(index);
  if (
    await exists(`${folder}/pytorch_model.bin`) ||
    await exists(`${folder}/pytorch_model.bin.index.json`)
  ) {
    throw new ModelError(
      `${folder} has only pickled weights (pytorch_model.bin), which can run code when they are ` +
        `opened; save the model as safetensors first`,
    );
  }
  throw new ModelError(
    `${folder} has no weights: model.safetensors is missing`,
  );
}
