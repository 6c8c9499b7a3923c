import { DeviceError } from "../errors.ts";
import {
  type GpuDevice,
  requestDevice,
  type RequestDeviceOptions,
} from "./device.ts";
import { expand, type KernelParameters } from "./expand.ts";
import { subgroupDialect } from "./_subgroups.ts";

/** A stretch of a GPU buffer, in bytes; the offset is a multiple of 256. */
export interface View {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** A compiled kernel. */
export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** A kernel with its buffers: one dispatch once a grid is given. */
export interface Op {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

/** What can be written to a buffer as it is. */
export type GpuData = Float32Array | Uint32Array | Int32Array | Uint16Array;

/** Workgroups along x, y and z. */
export type Grid = readonly [number, number?, number?];

/** Bytes to bring back: where they are, and how many. */
export interface ReadRequest {
  readonly view: View;
  /** @default the whole view */
  readonly bytes?: number;
}

/**
 * The device, its buffers and its compiled kernels.
 *
 * Deno does not see GPU memory, so buffers are destroyed by hand: `dispose` destroys the device and
 * everything on it.
 */
export class Gpu implements Disposable {
  readonly #kernels = new Map<string, Kernel>();
  /** Live buffers, and what each counts as. */
  readonly #buffers = new Map<
    GPUBuffer,
    { readonly item: string; readonly size: number }
  >();
  #staging: GPUBuffer | undefined;
  readonly #items = new Map<string, number>();
  #item = "other";
  #failure: string | undefined;
  /** Bytes written since the last submission. */
  #waiting = 0;

  protected constructor(readonly info: GpuDevice) {
    info.device.addEventListener("uncapturederror", (event) => {
      this.#failure ??= (event as GPUUncapturedErrorEvent).error.message;
      event.preventDefault();
    });
  }

  /**
   * Opens the GPU.
   *
   * @throws {DeviceError} If there is none.
   */
  static async open(options: RequestDeviceOptions = {}): Promise<Gpu> {
    return new Gpu(await requestDevice(options));
  }

  get device(): GPUDevice {
    return this.info.device;
  }

  /** Threads of a workgroup that run in step; kernels call it `S`. */
  get lanes(): number {
    return this.info.lanes;
  }

  /** Bytes of all live buffers. */
  get allocated(): number {
    return [...this.#items.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Bytes of live buffers by the item that they were made for. */
  get items(): ReadonlyMap<string, number> {
    return this.#items;
  }

  /** Runs `work`; the buffers that it makes count under `item`, unless it names another within. */
  account<T>(item: string, work: () => T): T {
    const before = this.#item;
    this.#item = item;
    try {
      return work();
    } finally {
      this.#item = before;
    }
  }

  /** Makes a zeroed storage buffer of at least `bytes` bytes. */
  buffer(bytes: number): View {
    const size = Math.max(256, Math.ceil(bytes / 256) * 256);
    if (size > this.device.limits.maxStorageBufferBindingSize) {
      const most = this.device.limits.maxStorageBufferBindingSize;
      const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
      throw new DeviceError(
        `A GPU buffer of ${mebibytes(size)} MiB was asked for ` +
          `(${this.#item}), but ${this.info.adapter} binds at most ` +
          `${mebibytes(most)} MiB; lower ${KNOBS[this.#item] ?? EVERY_KNOB}`,
      );
    }
    const buffer = this.create(size);
    this.#buffers.set(buffer, { item: this.#item, size });
    this.#count(this.#item, size);
    return { buffer, offset: 0, size };
  }

  /** Makes the buffer itself. */
  protected create(size: number): GPUBuffer {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST |
      GPUBufferUsage.COPY_SRC;
    return this.device.createBuffer({ size, usage });
  }

  /** A storage buffer that holds `data`. */
  upload(data: GpuData): View {
    const view = this.buffer(data.byteLength);
    this.write(view, data);
    return view;
  }

  /** Writes `data` at the start of `view`, ordered before whatever is submitted next. */
  write(view: View, data: GpuData): void {
    // Deno 2.9 panics where there is nothing to write.
    if (data.byteLength === 0) return;
    this.device.queue.writeBuffer(
      view.buffer,
      view.offset,
      data.buffer as ArrayBuffer,
      data.byteOffset,
      data.byteLength,
    );
    // What is written waits in host memory for a submission.
    this.#waiting += data.byteLength;
    if (this.#waiting >= WAITING_BYTES) this.#flush([]);
  }

  #flush(commands: readonly GPUCommandBuffer[]): void {
    this.device.queue.submit([...commands]);
    this.#waiting = 0;
  }

  /** Frees a buffer made by `buffer` or `upload`. */
  free(view: View): void {
    const counted = this.#buffers.get(view.buffer);
    if (counted === undefined) return;
    this.#buffers.delete(view.buffer);
    this.#count(counted.item, -counted.size);
    view.buffer.destroy();
  }

  #count(item: string, bytes: number): void {
    this.#items.set(item, (this.#items.get(item) ?? 0) + bytes);
  }

  /** Compiles a kernel once; `S` (the lanes) is always among its parameters. */
  kernel(source: string, parameters: KernelParameters = {}): Kernel {
    const S = this.lanes;
    const code = subgroupDialect(expand(source, { S, ...parameters }), {
      lanes: S,
      native: this.info.subgroups,
    });
    let kernel = this.#kernels.get(code);
    if (!kernel) {
      kernel = this.#compile(code);
      this.#kernels.set(code, kernel);
    }
    return kernel;
  }

  #compile(code: string): Kernel {
    // An explicit layout, since an automatic one drops bindings that a variant does not use.
    const entries = [
      ...code.matchAll(/@binding\((\d+)\)\s+var<(\w+)(?:,\s*(\w+))?>/g),
    ].map(
      ([, binding, space, access]): GPUBindGroupLayoutEntry => ({
        binding: Number(binding),
        visibility: GPUShaderStage.COMPUTE,
        buffer: {
          type: space === "uniform"
            ? "uniform"
            : access === "read_write"
            ? "storage"
            : "read-only-storage",
        },
      }),
    );
    const layout = this.device.createBindGroupLayout({ entries });
    const pipeline = this.device.createComputePipeline({
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module: this.device.createShaderModule({ code }),
        entryPoint: "main",
      },
    });
    return { pipeline, layout };
  }

  /** Gives a kernel its buffers, in the order of its bindings. */
  op(kernel: Kernel, views: readonly View[]): Op {
    const entries = views.map((resource, binding) => ({ binding, resource }));
    const bindGroup = this.device.createBindGroup({
      layout: kernel.layout,
      entries,
    });
    return { pipeline: kernel.pipeline, bindGroup };
  }

  /** Records dispatches into one pass and submits them; returns at once. */
  submit(record: (dispatch: (op: Op, grid: Grid) => void) => void): void {
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    record((op, [x, y = 1, z = 1]) => {
      if (x === 0 || y === 0 || z === 0) return;
      pass.setPipeline(op.pipeline);
      pass.setBindGroup(0, op.bindGroup);
      pass.dispatchWorkgroups(x, y, z);
    });
    pass.end();
    this.#flush([encoder.finish()]);
  }

  /** Zeroes views, ordered before whatever is submitted next. */
  clear(views: readonly View[]): void {
    const encoder = this.device.createCommandEncoder();
    for (const view of views) {
      encoder.clearBuffer(view.buffer, view.offset, view.size);
    }
    this.#flush([encoder.finish()]);
  }

  /** Copies whole views, ordered before whatever is submitted next. */
  copy(pairs: readonly (readonly [from: View, into: View])[]): void {
    const encoder = this.device.createCommandEncoder();
    for (const [from, into] of pairs) {
      encoder.copyBufferToBuffer(
        from.buffer,
        from.offset,
        into.buffer,
        into.offset,
        Math.min(from.size, into.size),
      );
    }
    this.#flush([encoder.finish()]);
  }

  /**
   * Waits for all submitted work and brings bytes back. In Deno this blocks the thread while the GPU
   * works and takes 10 ms more, so one call should fetch all that is wanted.
   *
   * @throws {Error} If the device refused a command since the last call.
   */
  async read(requests: readonly ReadRequest[]): Promise<ArrayBuffer[]> {
    const sizes = requests.map(({ view, bytes = view.size }) =>
      Math.ceil(bytes / 4) * 4
    );
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const staging = this.#stagingBuffer(total);
    const encoder = this.device.createCommandEncoder();
    let at = 0;
    requests.forEach(({ view }, i) => {
      encoder.copyBufferToBuffer(
        view.buffer,
        view.offset,
        staging,
        at,
        sizes[i]!,
      );
      at += sizes[i]!;
    });
    this.#flush([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ, 0, Math.max(4, total));
    const range = staging.getMappedRange(0, Math.max(4, total));
    at = 0;
    const results = requests.map(({ view, bytes = view.size }, i) => {
      const result = range.slice(at, at + bytes);
      at += sizes[i]!;
      return result;
    });
    staging.unmap();
    this.check();
    return results;
  }

  /** Throws what the device complained about since the last check, if anything. */
  check(): void {
    const failure = this.#failure;
    if (failure === undefined) return;
    this.#failure = undefined;
    throw new Error(`The GPU refused a command: ${failure}`);
  }

  #stagingBuffer(bytes: number): GPUBuffer {
    if (this.#staging && this.#staging.size >= bytes) return this.#staging;
    this.#staging?.destroy();
    this.#staging = this.device.createBuffer({
      size: Math.max(4096, 2 ** Math.ceil(Math.log2(Math.max(1, bytes)))),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    return this.#staging;
  }

  [Symbol.dispose](): void {
    for (const buffer of this.#buffers.keys()) buffer.destroy();
    this.#buffers.clear();
    this.#staging?.destroy();
    this.#kernels.clear();
    this.device.destroy();
  }
}

/** Most bytes that wait for a submission. */
const WAITING_BYTES = 32 * 2 ** 20;

/** What to lower where a buffer of an item is too large. */
const KNOBS: Readonly<Record<string, string>> = {
  "activations": "train.max_nodes",
  "loss head": "train.max_nodes",
  "KV cache": "engine.cache_tokens",
  "decoding": "engine.max_batch or engine.max_context",
};
const EVERY_KNOB = "train.max_nodes, engine.max_batch or engine.max_context";

/** A part of a view, in bytes from its start. */
export function slice(view: View, offset: number, size: number): View {
  return { buffer: view.buffer, offset: view.offset + offset, size };
}
