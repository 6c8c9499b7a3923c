import { type Gpu, slice, type View } from "../gpu/mod.ts";

/** Rows that a sum over rows takes at once: what it reads of them stays in a core's cache. */
const STRETCH = 512;

/** How many rows a batch has, where the kernels read it: whole, and in stretches for sums over rows. */
export class RowCount {
  /** (rows, 0, 0, 0) */
  readonly whole: View;
  /** (first row, last row + 1, 0, 0) of each stretch. */
  readonly stretches: readonly {
    readonly first: number;
    readonly span: View;
  }[];
  readonly #gpu: Gpu;
  readonly #table: View;

  /** @param capacity Most rows there will be. */
  constructor(gpu: Gpu, capacity: number) {
    const count = Math.ceil(capacity / STRETCH);
    this.#gpu = gpu;
    this.#table = gpu.buffer((count + 1) * 256);
    this.whole = slice(this.#table, 0, 16);
    this.stretches = Array.from({ length: count }, (_, i) => ({
      first: i * STRETCH,
      span: slice(this.#table, (i + 1) * 256, 16),
    }));
  }

  /** Sets the count for what is submitted next. */
  set(rows: number): void {
    const table = new Uint32Array((this.stretches.length + 1) * 64);
    table[0] = rows;
    this.stretches.forEach(({ first }, i) => {
      table[(i + 1) * 64] = first;
      table[(i + 1) * 64 + 1] = Math.max(
        first,
        Math.min(rows, first + STRETCH),
      );
    });
    this.#gpu.write(this.#table, table);
  }
}
