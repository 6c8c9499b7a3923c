import { ModelError } from "../errors.ts";
import { type Gpu, slice, type View } from "../gpu/mod.ts";
import type { Fused, Part } from "./layout.ts";
import type { HostTensor } from "./policy.ts";
import { roundUp } from "./shape.ts";

/** Buffers of one arena, all of the same layout. */
export interface Arena {
  /** Matrices decay; gains and biases do not. */
  readonly matrix: boolean;
  /** Elements. */
  readonly size: number;
  readonly weights: View;
  /** These three are the weights themselves, never written, unless trained. */
  readonly gradients: View;
  /** AdamW's moments. */
  readonly m: View;
  readonly v: View;
}

/** Which of an arena's buffers. */
export type ArenaBuffer = "weights" | "gradients" | "m" | "v";

/** Where a fused tensor lies. */
interface Place {
  readonly arena: Arena;
  readonly offset: number;
  readonly fused: Fused;
}

/** Parameters on the GPU, in a few arenas of equal layout for weights, gradients and moments. */
export class Parameters {
  readonly arenas: readonly Arena[];
  readonly #places: ReadonlyMap<string, Place>;

  constructor(
    readonly gpu: Gpu,
    layout: readonly Fused[],
    /** Whether there are gradients and moments as well. */
    readonly trained: boolean,
  ) {
    const limit = gpu.device.limits.maxStorageBufferBindingSize / 4;
    const arenas: Arena[] = [];
    const places = new Map<string, Place>();
    for (const group of pack(layout, limit)) {
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

  /** Whether there is a fused tensor of this key. */
  has(key: string): boolean {
    return this.#places.has(key);
  }

  /** A fused tensor such as `3.qkv`, in one of the arena's buffers. */
  view(key: string, buffer: ArenaBuffer = "weights"): View {
    const { arena, offset, fused } = this.#places.get(key)!;
    return slice(arena[buffer], offset * 4, roundUp(fused.size, 64) * 4);
  }

  /**
   * Writes named tensors into a buffer of the arenas.
   *
   * @throws {ModelError} If one is missing or has another shape.
   */
  write(tensors: Iterable<HostTensor>, buffer: ArenaBuffer = "weights"): void {
    const byName = new Map<string, HostTensor>();
    for (const tensor of tensors) byName.set(tensor.name, tensor);
    for (const { arena, offset, fused } of this.#places.values()) {
      for (const part of fused.parts) {
        const { data } = checked(part, byName.get(part.name));
        const columns = part.shape.at(-1)!;
        // Rows that stand side by side go over in one piece.
        const stretch = part.pitch === columns ? data.length : columns;
        for (let at = 0; at < data.length; at += stretch) {
          const into = offset + part.offset + at / columns * part.pitch;
          const view = slice(arena[buffer], into * 4, stretch * 4);
          this.gpu.write(view, data.subarray(at, at + stretch));
        }
      }
    }
  }

  /** Reads a buffer of the arenas back as named tensors. */
  async read(buffer: ArenaBuffer = "weights"): Promise<readonly HostTensor[]> {
    const tensors: HostTensor[] = [];
    for (const arena of this.arenas) {
      const [bytes] = await this.gpu.read([{ view: arena[buffer] }]);
      const values = new Float32Array(bytes!);
      for (const place of this.#places.values()) {
        if (place.arena !== arena) continue;
        for (const part of place.fused.parts) {
          tensors.push(extract(values, place.offset, part));
        }
      }
    }
    return tensors;
  }

  /** Zeroes the gradients. */
  clearGradients(): void {
    this.gpu.clear(this.arenas.map((arena) => arena.gradients));
  }

  /** A copy of the weights on the GPU; `into` takes an earlier one's place. */
  snapshot(into?: readonly View[]): readonly View[] {
    const copies = into ??
      this.arenas.map(({ size }) => this.gpu.buffer(size * 4));
    this.gpu.copy(this.arenas.map(({ weights }, i) => [weights, copies[i]!]));
    return copies;
  }

  /** Puts a copy's weights in force. */
  restore(copies: readonly View[]): void {
    this.gpu.copy(this.arenas.map(({ weights }, i) => [copies[i]!, weights]));
  }
}

function checked(part: Part, tensor?: HostTensor): HostTensor {
  if (!tensor) {
    throw new ModelError(`The weights lack the tensor '${part.name}'`);
  }
  if (tensor.shape.join() !== part.shape.join()) {
    throw new ModelError(
      `The tensor '${part.name}' has shape [${tensor.shape}], ` +
        `but [${part.shape}] is expected of it`,
    );
  }
  return tensor;
}

function extract(values: Float32Array, offset: number, part: Part): HostTensor {
  const { name, shape, pitch } = part;
  const columns = shape.at(-1)!;
  const count = shape.reduce((product, size) => product * size, 1);
  const data = new Float32Array(count);
  for (let at = 0; at < count; at += columns) {
    const from = offset + part.offset + at / columns * pitch;
    data.set(values.subarray(from, from + columns), at);
  }
  return { name, shape, data };
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
    if (group.length > 0) groups.push(group);
  }
  return groups;
}
