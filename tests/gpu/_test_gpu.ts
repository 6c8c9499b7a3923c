import { Gpu, type RequestDeviceOptions } from "../../src/gpu/mod.ts";

/** A GPU for all tests of a file (kernels compile once), closed after the last. */
export async function testGpu(options?: RequestDeviceOptions): Promise<Gpu> {
  const gpu = await Gpu.open(options);
  Deno.test.afterAll(() => gpu[Symbol.dispose]());
  return gpu;
}

/** The two ways kernels run: with the device's subgroups, and with those we emulate. */
export async function bothDialects(): Promise<
  readonly { readonly dialect: string; readonly gpu: Gpu }[]
> {
  return [
    { dialect: "native subgroups", gpu: await testGpu() },
    { dialect: "no subgroups", gpu: await testGpu({ subgroups: false }) },
  ];
}
