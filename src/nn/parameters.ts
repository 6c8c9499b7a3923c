import { ModelError } from "../errors.ts";
import { type Gpu, slice, type View, type WeightType } from "../gpu/mod.ts";
import { elementCount, readRows } from "../model/mod.ts";
import { bytesOf, pack, unpack } from "./half.ts";
import type { Fused, Part } from "./layout.ts";
import type { HostTensor, WeightTensor } from "./policy.ts";
import { roundUp } from "./shape.ts";

/** Buffers of one arena, all of the same layout. */
export interface Arena {
  /** Matrices decay; gains and biases do not. */
  readonly matrix: boolean;
  /** Elements. */
  readonly size: number;
  /** Element type of the weights; the others are float32. */
  readonly dtype: WeightType;
  readonly weights: View;
  /** These three are the weights themselves, never written, unless trained. */
  readonly gradients: View;
  /** AdamW's moments. */
  readonly m: View;
  readonly v: View;
}

/** Which of an arena's buffers. */
export type ArenaBuffer = "weights" | "gradients" | "m" | "v";

/** Rows of a matrix that one binding reaches. */
export interface Window {
  readonly firstRow: number;
  readonly rows: number;
  readonly dtype: WeightType;
  readonly weights: View;
  readonly gradients: View;
}

/** A stretch of a fused tensor's rows, and where it lies. */
interface Place {
  readonly fused: Fused;
  readonly firstRow: number;
  readonly rows: number;
  readonly arena: Arena;
  /** First element within the arena. */
  readonly offset: number;
}

/** Options of {@linkcode Parameters}. */
export interface ParametersOptions {
  /** Whether there are gradients and moments as well. */
  readonly trained: boolean;
  /** How the matrices rest; what is trained is float32. @default "f32" */
  readonly dtype?: WeightType;
  /** Most bytes of a binding. @default the device's limit */
  readonly bindingBytes?: number;
}

/**
 * Parameters on the GPU, in arenas of equal layout for weights, gradients and moments.
 *
 * A device binds a limited stretch of memory at once (128 MiB on software Vulkan), so no arena exceeds that, and a matrix
 * that does is cut into windows of whole rows.
 */
export class Parameters {
  readonly arenas: readonly Arena[];
  readonly trained: boolean;
  readonly #places: ReadonlyMap<string, readonly Place[]>;

  constructor(
    readonly gpu: Gpu,
    layout: readonly Fused[],
    options: ParametersOptions,
  ) {
    const {
      trained,
      dtype = "f32",
      bindingBytes = gpu.device.limits.maxStorageBufferBindingSize,
    } = options;
    const arenas: Arena[] = [];
    const places = new Map<string, Place[]>();
    for (const group of groupByArena(layout, bindingBytes / 4)) {
      const { matrix } = group[0]!.fused;
      const size = group.reduce((sum, { length }) => sum + length, 0);
      const type = matrix && !trained ? dtype : "f32";
      const weights = gpu.buffer(size * bytesOf(type));
      /** One more number an element, where it is trained. */
      const beside = (item: string) =>
        trained ? gpu.account(item, () => gpu.buffer(size * 4)) : weights;
      const arena = {
        matrix,
        size,
        dtype: type,
        weights,
        gradients: beside("gradients"),
        m: beside("optimizer"),
        v: beside("optimizer"),
      };
      arenas.push(arena);
      let offset = 0;
      for (const { fused, firstRow, rows, length } of group) {
        const known = places.get(fused.key) ?? [];
        known.push({ fused, firstRow, rows, arena, offset });
        places.set(fused.key, known);
        offset += length;
      }
    }
    this.trained = trained;
    this.arenas = arenas;
    this.#places = places;
  }

  /** Whether there is a fused tensor of this key. */
  has(key: string): boolean {
    return this.#places.has(key);
  }

  /** The windows of a fused matrix such as `3.qkv`, by rows. */
  windows(key: string): readonly Window[] {
    return this.#places.get(key)!.map(
      ({ fused, firstRow, rows, arena, offset }) => {
        const length = rows * fused.columns;
        const part = (view: View, bytes: number) =>
          slice(view, offset * bytes, roundUp(length * bytes, 256));
        return {
          firstRow,
          rows,
          dtype: arena.dtype,
          weights: part(arena.weights, bytesOf(arena.dtype)),
          gradients: part(
            arena.gradients,
            this.trained ? 4 : bytesOf(arena.dtype),
          ),
        };
      },
    );
  }

  /** A fused tensor that is sure to fit one binding: a gain, a bias, an adapter's matrix. */
  view(key: string, buffer: "weights" | "gradients" = "weights"): View {
    return this.windows(key)[0]![buffer];
  }

  /**
   * Writes named tensors into a buffer of the arenas; what is in a file is read a few rows at a time.
   *
   * @throws {ModelError} If one is missing, has another shape or cannot be read.
   */
  write(
    tensors: Iterable<WeightTensor>,
    buffer: ArenaBuffer = "weights",
  ): void {
    const byName = named(tensors);
    for (const [key, part] of this.#parts()) {
      const tensor = checked(part, byName.get(part.name));
      this.#writePart(key, part, tensor, buffer);
    }
  }

  /** Writes the weights that are among `tensors`, and leaves the others as they are. */
  writeSome(tensors: Iterable<WeightTensor>): void {
    const byName = named(tensors);
    for (const [key, part] of this.#parts()) {
      const tensor = byName.get(part.name);
      if (tensor) this.#writePart(key, part, checked(part, tensor), "weights");
    }
  }

  /** Every named tensor, with the key of the fused one that it is a part of. */
  *#parts(): Generator<readonly [key: string, part: Part]> {
    for (const [key, [place]] of this.#places) {
      for (const part of place!.fused.parts) yield [key, part];
    }
  }

  #writePart(
    key: string,
    part: Part,
    tensor: WeightTensor,
    buffer: ArenaBuffer,
  ): void {
    const { pitch, shape } = part;
    const columns = shape.at(-1)!;
    const total =
      ("data" in tensor ? tensor.data.length : elementCount(shape)) /
      columns;
    const top = Math.floor(part.offset / pitch);
    for (const { arena, firstRow, rows, offset } of this.#places.get(key)!) {
      const from = Math.max(0, firstRow - top);
      const to = Math.min(total, firstRow + rows - top);
      const dtype = buffer === "weights" ? arena.dtype : "f32";
      // Rows that stand side by side go over together, as many as make a few megabytes.
      const step = pitch === columns
        ? Math.max(1, Math.floor(2 ** 22 / columns))
        : 1;
      for (let row = from; row < to; row += step) {
        const end = Math.min(to, row + step);
        const into = offset + (row + top - firstRow) * pitch +
          part.offset % pitch;
        const values = rowsOf(tensor, row, end);
        const packed = pack(values, dtype);
        const view = slice(
          arena[buffer],
          into * bytesOf(dtype),
          packed.byteLength,
        );
        this.gpu.write(view, packed);
        if ("data" in tensor) continue;
        // Freed at once: the collector would let gigabytes of these pile up.
        for (const buffer of new Set([values.buffer, packed.buffer])) {
          (buffer as ArrayBuffer).transfer(0);
        }
      }
    }
  }

  /** Reads a buffer of the arenas back as named tensors. */
  async read(buffer: ArenaBuffer = "weights"): Promise<readonly HostTensor[]> {
    const tensors = new Map<Part, HostTensor>();
    for (const arena of this.arenas) {
      const [bytes] = await this.gpu.read([{ view: arena[buffer] }]);
      const values = unpack(bytes!, buffer === "weights" ? arena.dtype : "f32");
      for (const place of [...this.#places.values()].flat()) {
        if (place.arena === arena) extract(values, place, tensors);
      }
    }
    return [...tensors.values()];
  }

  /** Zeroes the gradients. */
  clearGradients(): void {
    this.gpu.clear(this.arenas.map((arena) => arena.gradients));
  }

  /** A copy of the weights on the GPU; `into` takes an earlier one's place. */
  snapshot(into?: readonly View[]): readonly View[] {
    const copies = into ??
      this.arenas.map(({ weights }) => this.gpu.buffer(weights.size));
    this.gpu.copy(this.arenas.map(({ weights }, i) => [weights, copies[i]!]));
    return copies;
  }

  /** Puts a copy's weights in force. */
  restore(copies: readonly View[]): void {
    this.gpu.copy(this.arenas.map(({ weights }, i) => [copies[i]!, weights]));
  }
}

function named(
  tensors: Iterable<WeightTensor>,
): ReadonlyMap<string, WeightTensor> {
  return new Map([...tensors].map((tensor) => [tensor.name, tensor]));
}

function rowsOf(
  tensor: WeightTensor,
  first: number,
  end: number,
): Float32Array {
  if (!("data" in tensor)) return readRows(tensor, first, end);
  const columns = tensor.shape.at(-1)!;
  return tensor.data.subarray(first * columns, end * columns);
}

function checked(part: Part, tensor?: WeightTensor): WeightTensor {
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

/** Copies the rows that `place` holds of its parts. */
function extract(
  values: Float32Array,
  { fused, firstRow, rows, offset }: Place,
  tensors: Map<Part, HostTensor>,
): void {
  for (const part of fused.parts) {
    const { name, shape, pitch } = part;
    const columns = shape.at(-1)!;
    const count = shape.reduce((product, size) => product * size, 1);
    const tensor = tensors.get(part) ??
      { name, shape, data: new Float32Array(count) };
    tensors.set(part, tensor);
    const top = Math.floor(part.offset / pitch);
    const from = Math.max(0, firstRow - top);
    const to = Math.min(count / columns, firstRow + rows - top);
    for (let row = from; row < to; row++) {
      const at = offset + (row + top - firstRow) * pitch + part.offset % pitch;
      tensor.data.set(values.subarray(at, at + columns), row * columns);
    }
  }
}

/** A stretch of a tensor's rows that goes into one arena. */
interface Stretch {
  readonly fused: Fused;
  readonly firstRow: number;
  readonly rows: number;
  /** Elements taken up, padding included. */
  readonly length: number;
}

/** Cuts tensors into stretches and groups those into arenas of at most `limit` elements, matrices and vectors apart. */
function groupByArena(
  tensors: readonly Fused[],
  limit: number,
): readonly (readonly Stretch[])[] {
  const groups: Stretch[][] = [];
  for (const matrix of [true, false]) {
    let group: Stretch[] = [];
    let size = 0;
    for (const fused of tensors) {
      if (fused.matrix !== matrix) continue;
      for (const stretch of cut(fused, limit)) {
        if (group.length > 0 && size + stretch.length > limit) {
          groups.push(group);
          group = [];
          size = 0;
        }
        group.push(stretch);
        size += stretch.length;
      }
    }
    if (group.length > 0) groups.push(group);
  }
  return groups;
}

/** Whole rows, as many as fit, in multiples of 64 so that the stretches of other buffers stay aligned. */
function cut(fused: Fused, limit: number): readonly Stretch[] {
  const { rows, columns } = fused;
  const most = rows * columns <= limit
    ? rows
    : Math.max(64, Math.floor(limit / columns / 64) * 64);
  const stretches: Stretch[] = [];
  for (let firstRow = 0; firstRow < rows; firstRow += most) {
    const count = Math.min(most, rows - firstRow);
    // 128 elements of two bytes make the 256 bytes at which a binding may begin.
    const length = roundUp(count * columns, 128);
    stretches.push({ fused, firstRow, rows: count, length });
  }
  return stretches;
}
