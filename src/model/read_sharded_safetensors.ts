import { ModelError } from "../errors.ts";
import { isObject, readJson } from "./_files.ts";
import { readSafetensors } from "./read_safetensors.ts";
import type { TensorInfo } from "./tensor.ts";
import { TensorStore } from "./tensor_store.ts";

/**
 * Opens the safetensors files that an index (`model.safetensors.index.json`) names as one store.
 *
 * @throws {ModelError} If the index names a file outside of its folder, or index and files disagree
 *   on where a tensor lies.
 */
export async function readShardedSafetensors(
  indexPath: string,
): Promise<TensorStore> {
  const { weight_map } = await readJson(indexPath);
  if (!isObject(weight_map)) {
    throw new ModelError(`${indexPath}: weight_map is missing`);
  }
  const folder = indexPath.slice(0, indexPath.lastIndexOf("/") + 1);
  const tensors = new Map<string, TensorInfo>();
  for (const file of new Set(Object.values(weight_map))) {
    checkFileName(file, indexPath);
    const shard = await readSafetensors(folder + file);
    for (const info of shard.tensors.values()) {
      if (weight_map[info.name] !== file) {
        throw new ModelError(
          `${indexPath} does not say that ${file} holds tensor ${
            JSON.stringify(info.name)
          }`,
        );
      }
      tensors.set(info.name, info);
    }
  }
  for (const [name, file] of Object.entries(weight_map)) {
    if (!tensors.has(name)) {
      throw new ModelError(
        `${folder}${file} lacks tensor ${
          JSON.stringify(name)
        }, which ${indexPath} says it holds`,
      );
    }
  }
  return new TensorStore({ tensors, metadata: new Map() });
}

function checkFileName(
  file: unknown,
  indexPath: string,
): asserts file is string {
  if (typeof file !== "string" || !/^[\w.-]+\.safetensors$/.test(file)) {
    throw new ModelError(
      `${indexPath}: weight_map names ${
        JSON.stringify(file)
      }, which is not a safetensors file beside it`,
    );
  }
}
