import { DeviceError } from "../../src/errors.ts";
import { Gpu, slice } from "../../src/gpu/mod.ts";
import { assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { testGpu } from "./_test_gpu.ts";

const gpu = await testGpu();

/** Adds BY to `count` numbers. */
const ADD = `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&x)) { x[id.x] += $(BY).0; }
}`;

Deno.test("Gpu.buffer() makes zeroed buffers and counts their bytes until they are freed", async () => {
  const before = gpu.allocated;
  const view = gpu.buffer(10);
  assertEquals(view.size, 256);
  assertEquals(gpu.allocated, before + 256);
  const [bytes] = await gpu.read([{ view }]);
  assertEquals(new Uint8Array(bytes!), new Uint8Array(256));
  const large = gpu.upload(new Float32Array(1000));
  assertEquals(gpu.allocated, before + 256 + 4096);
  gpu.free(view);
  gpu.free(view);
  assertEquals(gpu.allocated, before + 4096);
  gpu.free(large);
  assertEquals(gpu.allocated, before);
});

Deno.test("Gpu.write() takes nothing as well, and then changes nothing", async () => {
  const view = gpu.upload(Float32Array.of(3));
  gpu.write(view, new Float32Array());
  const [bytes] = await gpu.read([{ view, bytes: 4 }]);
  assertEquals([...new Float32Array(bytes!)], [3]);
  gpu.free(gpu.upload(new Uint32Array()));
  gpu.free(view);
});

Deno.test("Gpu.buffer() refuses what the adapter cannot bind, and says what to lower", () => {
  const before = gpu.allocated;
  const most = gpu.device.limits.maxStorageBufferBindingSize;
  const error = assertThrows(() => gpu.buffer(most + 1), DeviceError, "MiB");
  assertEquals(error.message.includes(gpu.info.adapter), true);
  assertEquals(error.message.includes("train.max_nodes"), true);
  assertEquals(gpu.allocated, before);
});

Deno.test("Gpu.read() brings back whole views and parts, of any type and offset", async () => {
  const floats = gpu.upload(Float32Array.from({ length: 200 }, (_, i) => i));
  const words = gpu.upload(Uint32Array.of(7, 8, 9));
  const part = slice(floats, 256, 80);
  const results = await gpu.read([
    { view: part },
    { view: words, bytes: 12 },
    { view: floats, bytes: 6 },
    { view: words, bytes: 0 },
  ]);
  assertEquals(results.map((result) => result.byteLength), [80, 12, 6, 0]);
  assertEquals(new Float32Array(results[0]!)[0], 64);
  assertEquals([...new Uint32Array(results[1]!)], [7, 8, 9]);
  assertEquals(await gpu.read([]), []);
  for (const view of [floats, words]) gpu.free(view);
});

Deno.test("Gpu.submit() runs dispatches in order, after the writes before it", async () => {
  const view = gpu.buffer(256);
  const by = (BY: number) => gpu.op(gpu.kernel(ADD, { BY }), [view]);
  const [two, five] = [by(2), by(5)];
  gpu.submit((dispatch) => {
    dispatch(two, [1]);
    dispatch(five, [1]);
    dispatch(five, [0]);
    dispatch(five, [1, 0]);
  });
  gpu.write(view, Float32Array.of(100));
  gpu.submit((dispatch) => dispatch(two, [1]));
  const [bytes] = await gpu.read([{ view, bytes: 8 }]);
  assertEquals([...new Float32Array(bytes!)], [102, 9]);
  gpu.clear([slice(view, 0, 4)]);
  const [cleared] = await gpu.read([{ view, bytes: 8 }]);
  assertEquals([...new Float32Array(cleared!)], [0, 9]);
  gpu.free(view);
});

Deno.test("Gpu.kernel() compiles a source once for each set of parameters", () => {
  assertEquals(gpu.kernel(ADD, { BY: 1 }) === gpu.kernel(ADD, { BY: 1 }), true);
  assertEquals(
    gpu.kernel(ADD, { BY: 1 }) === gpu.kernel(ADD, { BY: 3 }),
    false,
  );
});

Deno.test("Gpu.read() throws what the device complained about, once", async () => {
  const view = gpu.buffer(256);
  gpu.kernel("@compute @workgroup_size(1) fn main() { let x: u32 = 1.5; }");
  await assertRejects(
    () => gpu.read([{ view }]),
    Error,
    "The GPU refused a command",
  );
  assertEquals((await gpu.read([{ view, bytes: 4 }])).length, 1);
  gpu.submit((dispatch) =>
    dispatch(gpu.op(gpu.kernel(ADD, { BY: 1 }), [view]), [70_000])
  );
  await assertRejects(
    () => gpu.read([{ view }]),
    Error,
    "The GPU refused a command",
  );
  gpu.check();
  gpu.free(view);
});

Deno.test("Gpu.open() without an adapter says how to get one", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", import.meta.resolve("./_open_gpu.ts")],
    // There is no Metal on this system, or it is all there is on others.
    env: { DENO_WEBGPU_BACKEND: Deno.build.os === "darwin" ? "dx12" : "metal" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stderr);
  assertEquals(code, 3, text);
  assertEquals(text.includes("No WebGPU adapter was found"), true, text);
  assertEquals(text.includes("mesa-vulkan-drivers"), true, text);
});

Deno.test("Gpu runs without subgroups where asked to", async () => {
  using plain = await Gpu.open({ subgroups: false });
  assertEquals(plain.info.subgroups, false);
  assertEquals(plain.lanes > 1, true);
});
