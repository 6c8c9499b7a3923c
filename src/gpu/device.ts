import { DeviceError } from "../errors.ts";

/** A GPU ready for our kernels. */
export interface GpuDevice {
  readonly device: GPUDevice;
  /** The driver's name for the adapter; also the key under which tunings are remembered. */
  readonly adapter: string;
  /** Whether the adapter runs on the CPU. */
  readonly software: boolean;
  /** Whether kernels may use subgroup operations. */
  readonly subgroups: boolean;
  /** Threads that run in step: the subgroup's size, or the workgroup size that emulates one. */
  readonly lanes: number;
}

/** Options of {@linkcode requestDevice}. */
export interface RequestDeviceOptions {
  /** Turns subgroups off, to exercise the path of devices that have none. @default true */
  readonly subgroups?: boolean;
}

/** Limits raised to whatever the adapter has, each with its reason. */
const LIMITS = [
  "maxStorageBufferBindingSize", // weights and activations are bound whole
  "maxBufferSize", // one arena holds all parameters
  "maxStorageBuffersPerShaderStage", // the backward kernels bind up to nine
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize", // tiles of the workgroup GEMM
] as const;

/**
 * Opens the GPU.
 *
 * @throws {DeviceError} If WebGPU finds no adapter; the message says how to get one.
 */
export async function requestDevice(
  options: RequestDeviceOptions = {},
): Promise<GpuDevice> {
  const { subgroups: wanted = true } = options;
  quietDrivers();
  const adapter = await navigator.gpu?.requestAdapter({
    powerPreference: "high-performance",
  });
  if (!adapter) throw new DeviceError(NO_ADAPTER);
  const requiredLimits: Record<string, number> = {};
  for (const limit of LIMITS) requiredLimits[limit] = adapter.limits[limit];
  const { device, subgroups } = await openDevice(
    adapter,
    requiredLimits,
    wanted,
  );
  // `subgroupMinSize` and `subgroupMaxSize` are newer than the type definitions.
  const info = adapter.info as GPUAdapterInfo & {
    readonly subgroupMinSize?: number;
    readonly subgroupMaxSize?: number;
    readonly isFallbackAdapter?: boolean;
  };
  const software = info.isFallbackAdapter ??
    /llvmpipe|swiftshader/i.test(info.description);
  // Kernels count on one subgroup per workgroup, so its size must be known before they are compiled.
  const fixed = info.subgroupMinSize !== undefined &&
    info.subgroupMinSize === info.subgroupMaxSize;
  const usable = subgroups && fixed;
  return {
    device,
    adapter: info.description || info.vendor || "unnamed adapter",
    software,
    subgroups: usable,
    lanes: usable ? info.subgroupMinSize! : software ? 8 : 32,
  };
}

const NO_ADAPTER = `No WebGPU adapter was found
  Deno reaches the GPU through Vulkan on Linux, Metal on macOS and DirectX 12 on Windows
  With an NVIDIA, AMD or Intel GPU: install its Vulkan driver, then see that "vulkaninfo --summary" lists the card
  Without a GPU: "apt-get install mesa-vulkan-drivers" gives a software adapter that runs on the CPU`;

/** Mesa prints ten lines about an unset XDG_RUNTIME_DIR; give it one where we may. */
function quietDrivers(): void {
  try {
    if (!Deno.env.get("XDG_RUNTIME_DIR")) {
      Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
    }
  } catch {
    // Without permission for the environment the driver keeps its say.
  }
}

/** Deno does not list subgroups among the adapter's features, yet grants them (wgpu issue 5555). */
async function openDevice(
  adapter: GPUAdapter,
  requiredLimits: Record<string, number>,
  wanted: boolean,
): Promise<{ device: GPUDevice; subgroups: boolean }> {
  if (wanted) {
    try {
      const feature = "subgroups" as GPUFeatureName;
      const device = await adapter.requestDevice({
        requiredLimits,
        requiredFeatures: [feature],
      });
      if (await compiles(device, SUBGROUP_PROBE)) {
        return { device, subgroups: true };
      }
      device.destroy();
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof DOMException)) {
        throw error;
      }
    }
    const again = await navigator.gpu.requestAdapter({
      powerPreference: "high-performance",
    });
    if (again) adapter = again;
  }
  return {
    device: await adapter.requestDevice({ requiredLimits }),
    subgroups: false,
  };
}

const SUBGROUP_PROBE = `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(8) fn main(@builtin(local_invocation_index) i: u32) {
  x[i] = subgroupAdd(subgroupBroadcast(x[i], 1u)) + subgroupMax(x[i]);
}`;

async function compiles(device: GPUDevice, code: string): Promise<boolean> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  device.createComputePipeline({ layout: "auto", compute: { module } });
  return await device.popErrorScope() === null;
}
