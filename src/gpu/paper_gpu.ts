import type { GpuDevice } from "./device.ts";
import { Gpu, type Kernel, type Op } from "./gpu.ts";

/**
 * A GPU on which everything is laid out and nothing is computed: its buffers are counted at their full size and take
 * next to none, its kernels are empty. Whatever is built on it counts the bytes that it would take on the device.
 */
export class PaperGpu extends Gpu {
  #kernel: Kernel | undefined;
  #op: Op | undefined;

  /** Lays things out for this device, and closes it in the end. */
  constructor(info: GpuDevice) {
    super(info);
  }

  protected override create(): GPUBuffer {
    return super.create(256);
  }

  override kernel(): Kernel {
    return this.#kernel ??= super.kernel(
      "@compute @workgroup_size(1) fn main() {}",
    );
  }

  override op(): Op {
    return this.#op ??= super.op(this.kernel(), []);
  }

  override write(): void {}

  override submit(): void {}

  override clear(): void {}

  override copy(): void {}
}
