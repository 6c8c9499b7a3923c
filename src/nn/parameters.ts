import { type Gpu, slice, type View } from "../gpu/mod.ts";
import { ModelError } from "../errors.ts";
import type { HostTensor } from "./policy.ts";
import { roundUp, type TransformerShape } from "./shape.ts";

/** One Hugging Face tensor: a stretch of rows of a fused one. */
interface Part {
  readonly name: string;
  readonly shape: readonly number[];
  /** First element within the fused tensor. */
  readonly offset: number;
}

/** A tensor as the kernels see it: one or more Hugging Face tensors stacked by rows, then padding. */
interface Fused {
  readonly key: string;
  readonly parts: readonly Part[];
  /** Elements, padding included. */
  readonly size: number;
  /** Matrices decay; gains and biases do not. */
  readonly matrix: boolean;
}

/** Buffers of one arena, all of the same layout. */
export interface Arena {
  readonly matrix: boolean;
  /** Elements. */
  readonly size: number;
  readonly weights: View;
  /** These three are the weights themselves, never written, unless trained; `m`, `v`: AdamW's moments. */
  readonly gradients: View;
  readonly m: View;
  readonly v: View;
}

/** Which of an arena's buffers. */
export type ArenaBuffer = "weights" | "gradients" | "m" | "v";

/**
 * The model's parameters on the GPU, in a few arenas of equal layout for weights, gradients and moments.
 *
 * Projections that read the same input are fused by rows, as Hugging Face's `[out, in]` layout allows: query, key and
 * value; gate and up. The vocabulary is padded to a multiple of 64 with rows that are never chosen.
 */
export class Parameters {
  readonly arenas: readonly Arena[];
  readonly #places: ReadonlyMap<
    string,
    { readonly arena: Arena; readonly offset: number; readonly fused: Fused }
  >;

  /** @param trained Whether to hold gradients and moments as well. */
  constructor(
    readonly gpu: Gpu,
    readonly shape: TransformerShape,
    trained = true,
  ) {
    const fused = layout(shape);
    const limit = gpu.device.limits.maxStorageBufferBindingSize / 4;
    const arenas: Arena[] = [];
    const places = new Map<
      string,
      { arena: Arena; offset: number; fused: Fused }
    >();
    for (const group of pack(fused, limit)) {
      const size = group.reduce(
        (sum, tensor) => sum + roundUp(tensor.size, 64),
        0,
      );
      const weights = gpu.buffer(size * 4);
      const arena = {
        matrix: group[0]!.matrix,
        size,
        weights,
        gradients: trained ? gpu.buffer(size * 4) : weights,
        m: trained ? gpu.buffer(size * 4) : weights,
        v: trained ? gpu.buffer(size * 4) : weights,
      };
      arenas.push(arena);
      let offset = 0;
      for (const tensor of group) {
        places.set(tensor.key, { arena, offset, fused: tensor });
        offset += roundUp(tensor.size, 64);
      }
    }
    this.arenas = arenas;
    this.#places = places;
  }

  /** A fused tensor such as `3.qkv`, in one of the arena's buffers. */
  view(key: string, buffer: ArenaBuffer = "weights"): View {
    const { arena, offset, fused } = this.#places.get(key)!;
    return slice(arena[buffer], offset * 4, roundUp(fused.size, 64) * 4);
  }

  /**
   * Writes Hugging Face tensors into a buffer of the arenas.
   *
   * @throws {ModelError} If one is missing or has another shape.
   */
  write(tensors: Iterable<HostTensor>, buffer: ArenaBuffer = "weights"): void {
    const byName = new Map<string, HostTensor>();
    for (const tensor of tensors) byName.set(tensor.name, tensor);
    for (const { arena, offset, fused } of this.#places.values()) {
      for (const part of fused.parts) {
        const tensor = byName.get(part.name);
        if (!tensor) {
          throw new ModelError(`The weights lack the tensor '${part.name}'`);
        }
        if (tensor.shape.join() !== part.shape.join()) {
          throw new ModelError(
            `The tensor '${part.name}' has shape [${tensor.shape}], but config.json says [${part.shape}]`,
          );
        }
        const at = (offset + part.offset) * 4;
        this.gpu.write(
          slice(arena[buffer], at, tensor.data.byteLength),
          tensor.data,
        );
      }
    }
  }

  /** Reads a buffer of the arenas back as Hugging Face tensors. */
  async read(buffer: ArenaBuffer = "weights"): Promise<readonly HostTensor[]> {
    const tensors: HostTensor[] = [];
    for (const arena of this.arenas) {
      const [bytes] = await this.gpu.read([{ view: arena[buffer] }]);
      for (const place of this.#places.values()) {
        if (place.arena !== arena) continue;
        for (const { name, shape, offset } of place.fused.parts) {
          const count = shape.reduce((product, size) => product * size, 1);
          const data = new Float32Array(
            bytes!,
            (place.offset + offset) * 4,
            count,
          ).slice();
          tensors.push({ name, shape, data });
        }
      }
    }
    return tensors;
  }
}

/** Tensors in the order of the forward pass, matrices before vectors. */
function layout(shape: TransformerShape): readonly Fused[] {
  const {
    hiddenSize: D,
    heads: H,
    kvHeads: K,
    headDim: HD,
    feedForward: F,
    vocabSize: V,
  } = shape;
  const all: Fused[] = [];
  const add = (
    key: string,
    parts: readonly (readonly [string, ...number[]])[],
    size?: number,
  ) => {
    let offset = 0;
    const placed = parts.map(([name, ...dims]) => {
      const part = { name: `${name}`, shape: dims, offset };
      offset += dims.reduce((product, dim) => product * dim, 1);
      return part;
    });
    all.push({
      key,
      parts: placed,
      size: size ?? offset,
      matrix: parts[0]!.length > 2,
    });
  };
  const padded = roundUp(V, 64) * D;
  add("embed", [["model.embed_tokens.weight", V, D]], padded);
  for (let layer = 0; layer < shape.layers; layer++) {
    const attention = `model.layers.${layer}.self_attn`;
    const mlp = `model.layers.${layer}.mlp`;
    add(`${layer}.attention_norm`, [[
      `model.layers.${layer}.input_layernorm.weight`,
      D,
    ]]);
    add(`${layer}.qkv`, [
      [`${attention}.q_proj.weight`, H * HD, D],
      [`${attention}.k_proj.weight`, K * HD, D],
      [`${attention}.v_proj.weight`, K * HD, D],
    ]);
    if (shape.attentionBias) {
      add(`${layer}.qkv_bias`, [
        [`${attention}.q_proj.bias`, H * HD],
        [`${attention}.k_proj.bias`, K * HD],
        [`${attention}.v_proj.bias`, K * HD],
      ]);
    }
    if (shape.qkNorm) {
      add(`${layer}.q_norm`, [[`${attention}.q_norm.weight`, HD]]);
      add(`${layer}.k_norm`, [[`${attention}.k_norm.weight`, HD]]);
    }
    add(`${layer}.out`, [[`${attention}.o_proj.weight`, D, H * HD]]);
    if (shape.outputBias) {
      add(`${layer}.out_bias`, [[`${attention}.o_proj.bias`, D]]);
    }
    add(`${layer}.mlp_norm`, [[
      `model.layers.${layer}.post_attention_layernorm.weight`,
      D,
    ]]);
    add(`${layer}.gate_up`, [[`${mlp}.gate_proj.weight`, F, D], [
      `${mlp}.up_proj.weight`,
      F,
      D,
    ]]);
    add(`${layer}.down`, [[`${mlp}.down_proj.weight`, D, F]]);
  }
  add("final_norm", [["model.norm.weight", D]]);
  if (!shape.tieEmbeddings) add("head", [["lm_head.weight", V, D]], padded);
  return all;
}

/** Groups tensors into arenas of at most `limit` elements, matrices and vectors apart. */
function pack(
  tensors: readonly Fused[],
  limit: number,
): readonly (readonly Fused[])[] {
  const groups: Fused[][] = [];
  for (const matrix of [true, false]) {
    let group: Fused[] = [];
    let size = 0;
    for (const tensor of tensors) {
      if (tensor.matrix !== matrix) continue;
      if (group.length > 0 && size + roundUp(tensor.size, 64) > limit) {
        groups.push(group);
        group = [];
        size = 0;
      }
      group.push(tensor);
      size += roundUp(tensor.size, 64);
    }
    groups.push(group);
  }
  return groups;
}
