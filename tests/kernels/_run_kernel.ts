import type { Gpu, Grid, KernelParameters } from "../../src/gpu/mod.ts";
import { SOURCES } from "../../src/nn/_kernels.ts";

/** What a buffer holds. */
export type Numbers = Float32Array | Uint32Array | Int32Array;

/** One dispatch. */
export interface KernelRun<Buffers extends readonly Numbers[]> {
  readonly parameters: KernelParameters;
  /** Contents of the buffers before, in the order of the kernel's bindings. */
  readonly buffers: Buffers;
  readonly grid: Grid;
}

/** Runs a kernel once; returns what its buffers hold afterwards. */
export async function runKernel<const Buffers extends readonly Numbers[]>(
  gpu: Gpu,
  kernel: keyof typeof SOURCES,
  { parameters, buffers, grid }: KernelRun<Buffers>,
): Promise<Buffers> {
  const views = buffers.map((data) => gpu.upload(data));
  const op = gpu.op(gpu.kernel(SOURCES[kernel], parameters), views);
  gpu.submit((dispatch) => dispatch(op, grid));
  const results = await gpu.read(
    buffers.map((data, i) => ({ view: views[i]!, bytes: data.byteLength })),
  );
  for (const view of views) gpu.free(view);
  return buffers.map((data, i) => {
    const Type = data.constructor as new (bytes: ArrayBuffer) => Numbers;
    return new Type(results[i]!);
  }) as unknown as Buffers;
}

/** The `rows` buffer that many kernels take. */
export function rowCount(rows: number): Uint32Array {
  return Uint32Array.of(rows, 0, 0, 0);
}
