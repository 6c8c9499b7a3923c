import { DeviceError } from "../errors.ts";
import { type GpuDevice, requestDevice } from "../gpu/mod.ts";
import { VERSION } from "./program.ts";

/** What a machine has for training, and what it lacks. */
export interface MachineReport {
  /** Whether training can work here. */
  readonly ready: boolean;
  readonly versions: Readonly<Record<"astuner" | "deno" | "v8", string>>;
  /** Operating system and processor, such as `linux x86_64`. */
  readonly system: string;
  /** Null where WebGPU finds none. */
  readonly adapter: AdapterReport | null;
  /** What stands in the way of training, with what to do about it. */
  readonly missing: readonly string[];
  /** What makes training slow, with what to do about it. */
  readonly notes: readonly string[];
}

/** A WebGPU adapter. */
export interface AdapterReport {
  readonly name: string;
  /** What carries WebGPU; a guess, for WebGPU does not say. */
  readonly backend: string;
  /** Whether it runs on the CPU. */
  readonly software: boolean;
  /** Size of a subgroup; null where kernels have to emulate them. */
  readonly subgroups: number | null;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** Limits that matter to the kernels, with the least they can do with and what for. */
const LIMITS: readonly (readonly [
  name: keyof GPUSupportedLimits,
  least: number,
  reason: string,
])[] = [
  ["maxStorageBufferBindingSize", 2 ** 27, "weights are bound whole"],
  ["maxBufferSize", 2 ** 28, "one buffer holds many tensors"],
  ["maxStorageBuffersPerShaderStage", 10, "backward kernels bind many tensors"],
  ["maxComputeInvocationsPerWorkgroup", 256, "tiles of the matrix product"],
  ["maxComputeWorkgroupStorageSize", 2 ** 14, "tiles of the matrix product"],
];

/** Looks at the machine's GPU and versions, and tries whether a kernel runs. */
export async function examineMachine(): Promise<MachineReport> {
  const missing: string[] = [];
  const notes: string[] = [];
  const gpu = await requestDevice().catch((error) => {
    if (!(error instanceof DeviceError)) throw error;
    missing.push(error.message);
  });
  let adapter: AdapterReport | null = null;
  if (gpu) {
    adapter = await describeAdapter(gpu);
    missing.push(...shortcomings(gpu.device.limits));
    if (!await computes(gpu.device)) missing.push(WRONG_RESULT);
    if (gpu.software) notes.push(SOFTWARE);
    if (adapter.backend === "OpenGL") notes.push(OPENGL);
    gpu.device.destroy();
  }
  const { deno, v8 } = Deno.version;
  return {
    ready: missing.length === 0,
    versions: { astuner: VERSION, deno, v8 },
    system: `${Deno.build.os} ${Deno.build.arch}`,
    adapter,
    missing,
    notes,
  };
}

const WRONG_RESULT = "The GPU computes wrongly: update its driver";
const SOFTWARE =
  "The adapter is software on the CPU: fine for the quickstart and small models. For larger " +
  "ones, use a machine with a GPU and its Vulkan driver";
const OPENGL =
  "WebGPU runs over OpenGL, without subgroups: install a Vulkan driver, such as Debian's " +
  "mesa-vulkan-drivers";

async function describeAdapter(gpu: GpuDevice): Promise<AdapterReport> {
  const adapter = await navigator.gpu.requestAdapter({
    powerPreference: "high-performance",
  });
  const { limits } = gpu.device;
  return {
    name: gpu.adapter,
    backend: guessBackend(adapter?.info),
    software: gpu.software,
    subgroups: gpu.subgroups ? gpu.lanes : null,
    features: [...adapter?.features ?? []].sort(),
    limits: Object.fromEntries(
      LIMITS.map(([name]) => [name, limits[name] as number]),
    ),
  };
}

function guessBackend(info: GPUAdapterInfo | undefined): string {
  const chosen = Deno.env.get("DENO_WEBGPU_BACKEND");
  if (chosen) return BACKENDS[chosen] ?? chosen;
  if (Deno.build.os === "darwin") return "Metal";
  if (Deno.build.os === "windows") return "DirectX 12";
  // Where the driver cannot tell, as with OpenGL, wgpu reports the widest range there is.
  const { subgroupMinSize, subgroupMaxSize } = info as {
    readonly subgroupMinSize?: number;
    readonly subgroupMaxSize?: number;
  };
  return subgroupMinSize === 4 && subgroupMaxSize === 128 ? "OpenGL" : "Vulkan";
}

const BACKENDS: Readonly<Record<string, string>> = {
  vulkan: "Vulkan",
  gl: "OpenGL",
  metal: "Metal",
  dx12: "DirectX 12",
};

function* shortcomings(limits: GPUSupportedLimits): Generator<string> {
  for (const [name, least, reason] of LIMITS) {
    const has = limits[name] as number;
    if (has >= least) continue;
    yield `The GPU's ${name} is ${has} and must be at least ${least} (${reason}): ` +
      "use another GPU, or Mesa's software driver";
  }
}

/** Whether a kernel of a few threads runs and leaves the right numbers. */
async function computes(device: GPUDevice): Promise<boolean> {
  const size = 256;
  const code = `@group(0) @binding(0) var<storage, read_write> out: array<u32>;
    @compute @workgroup_size(${size / 4})
    fn main(@builtin(global_invocation_id) id: vec3u) { out[id.x] = id.x * id.x; }`;
  const pipeline = device.createComputePipeline({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }) },
  });
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const result = device.createBuffer({ size, usage: STORAGE | COPY_SRC });
  const staging = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: result } }],
    }),
  );
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(result, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  return new Uint32Array(staging.getMappedRange())
    .every((value, index) => value === index * index);
}
