import { type Gpu, slice, type View } from "../gpu/mod.ts";
import { roundUp } from "./shape.ts";

/** Rows that a sum over rows takes at once: what it reads of them stays in a core's cache. */
const STRETCH = 512;

/** How many rows a batch has, where the kernels read it: whole, in stretches for sums over rows, and in blocks. */
export class RowCount {
  /** (rows, where the first of them stands within the batch, 0, 0) */
  readonly whole: View;
  /** (first row, last row + 1, 0, 0) of each stretch. */
  readonly stretches: readonly {
    readonly first: number;
    readonly span: View;
  }[];
  /** The same rows in whole stretches that fit one binding where all of them do not; itself where they do. */
  readonly blocks: readonly RowCount[];
  readonly #gpu: Gpu;
  readonly #table: View;

  /**
   * @param capacity Most rows there will be.
   * @param options.first Where the rows begin within the batch.
   * @param options.blockRows Most rows of a block.
   */
  constructor(
    gpu: Gpu,
    readonly capacity: number,
    options: { readonly first?: number; readonly blockRows?: number } = {},
  ) {
    const { first = 0, blockRows = capacity } = options;
    const count = Math.ceil(capacity / STRETCH);
    this.first = first;
    this.#gpu = gpu;
    this.#table = gpu.buffer((count + 1) * 256);
    this.whole = slice(this.#table, 0, 16);
    this.stretches = Array.from({ length: count }, (_, i) => ({
      first: i * STRETCH,
      span: slice(this.#table, (i + 1) * 256, 16),
    }));
    this.blocks = capacity <= blockRows
      ? [this]
      : [...starts(capacity, blockRows)].map(([first, rows]) =>
        new RowCount(gpu, rows, { first })
      );
  }

  /** Where the rows begin within the batch. */
  readonly first: number;

  /** Sets the count for what is submitted next. */
  set(rows: number): void {
    const table = new Uint32Array((this.stretches.length + 1) * 64);
    table[0] = rows;
    table[1] = this.first;
    this.stretches.forEach(({ first }, i) => {
      table[(i + 1) * 64] = first;
      table[(i + 1) * 64 + 1] = Math.max(
        first,
        Math.min(rows, first + STRETCH),
      );
    });
    this.#gpu.write(this.#table, table);
    for (const block of this.blocks) {
      if (block !== this) block.set(block.within(rows));
    }
  }

  /** How many of a batch's rows are these. */
  within(rows: number): number {
    return Math.max(0, Math.min(rows - this.first, this.capacity));
  }
}

/** Most rows of which `width` floats each fit a binding of `bytes`, in whole stretches. */
export function rowsPerBinding(width: number, bytes: number): number {
  return Math.max(1, Math.floor(bytes / 4 / width / STRETCH)) * STRETCH;
}

/** First row and number of rows of blocks of about one size, in whole stretches, none above `most` rows. */
function* starts(capacity: number, most: number) {
  const count = Math.ceil(capacity / most);
  const even = roundUp(Math.ceil(capacity / count), STRETCH);
  for (let first = 0; first < capacity; first += even) {
    yield [first, Math.min(even, capacity - first)] as const;
  }
}
