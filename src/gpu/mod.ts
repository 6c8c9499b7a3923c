/**
 * The GPU: device, buffers, compiled kernels, matrix products.
 *
 * This room opens WebGPU, loads the kernels of `kernels/` (WGSL with unrolling directives), owns every
 * buffer until it is freed, and picks the fastest matrix product for the adapter. It knows nothing of
 * models. It has no floating-point atomics and no run-time choice that changes a bit of a result.
 * Waiting for the GPU blocks the calling thread in Deno, so whoever uses this room does so in a Worker.
 *
 * @module
 */
export {
  type GpuDevice,
  requestDevice,
  type RequestDeviceOptions,
} from "./device.ts";
export { expand, type KernelParameters } from "./expand.ts";
export {
  type Columns,
  FEW_ROWS,
  type Gemm,
  gemm,
  type GemmMode,
  type GemmPlan,
  gemmPlans,
  type GemmShape,
  type GemmViews,
  literal,
  ROW_ALIGNMENT,
  type WeightType,
} from "./gemm.ts";
export { GemmPlanner, type PlanStore } from "./gemm_planner.ts";
export { PaperGpu } from "./paper_gpu.ts";
export { planFile } from "./plan_file.ts";
export {
  Gpu,
  type Grid,
  type Kernel,
  type Op,
  type ReadRequest,
  slice,
  type View,
} from "./gpu.ts";
export { systemMemory } from "./system_memory.ts";
