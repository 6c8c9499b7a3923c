import { FLOAT_BYTES } from "./_float_types.ts";
import { replaceFile, writeAll } from "./_replace_file.ts";
import {
  elementCount,
  type FloatType,
  type HostTensor,
  type LazyTensor,
} from "./tensor.ts";
import { writeSafetensors } from "./write_safetensors.ts";

/** How a model's weights are stored. */
export interface WriteWeightsOptions {
  /** Number format of all tensors, rounded to nearest. @default "F32" */
  readonly dtype?: FloatType;
  /** Most bytes of tensors in a file; one that is larger by itself gets its own. @default 5e9 */
  readonly maxShardBytes?: number;
}

/**
 * Writes a model's weights into `folder` under the names that `transformers` looks for:
 * `model.safetensors` where they fit in one file, else `model-00001-of-0000N.safetensors` and an index.
 *
 * @throws {ModelError} If a tensor holds a value that is not finite, or not in `dtype`.
 */
export async function writeWeights(
  folder: string,
  tensors: readonly (HostTensor | LazyTensor)[],
  options: WriteWeightsOptions = {},
): Promise<void> {
  const { dtype = "F32", maxShardBytes = 5e9 } = options;
  const bytes = ({ shape }: HostTensor | LazyTensor) =>
    elementCount(shape) * FLOAT_BYTES[dtype];
  const shards: (HostTensor | LazyTensor)[][] = [[]];
  let filled = 0;
  for (const tensor of tensors) {
    if (filled > 0 && filled + bytes(tensor) > maxShardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(tensor);
    filled += bytes(tensor);
  }
  if (shards.length === 1) {
    await writeSafetensors(`${folder}/model.safetensors`, tensors, { dtype });
    return;
  }
  const weight_map: Record<string, string> = {};
  for (const [at, shard] of shards.entries()) {
    const file = `model-${digits(at + 1)}-of-${
      digits(shards.length)
    }.safetensors`;
    await writeSafetensors(`${folder}/${file}`, shard, { dtype });
    for (const { name } of shard) weight_map[name] = file;
  }
  const total_size = tensors.reduce((sum, tensor) => sum + bytes(tensor), 0);
  const index = { metadata: { total_size }, weight_map };
  await replaceFile(
    `${folder}/model.safetensors.index.json`,
    (file) =>
      writeAll(
        file,
        new TextEncoder().encode(JSON.stringify(index, null, 2) + "\n"),
      ),
  );
}

function digits(count: number): string {
  return `${count}`.padStart(5, "0");
}
