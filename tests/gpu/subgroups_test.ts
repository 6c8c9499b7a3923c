import { subgroupDialect } from "../../src/gpu/_subgroups.ts";
import { assertEquals } from "../assert.ts";
import { hashed } from "./_hashed.ts";
import { bothDialects } from "./_test_gpu.ts";

const DIALECTS = await bothDialects();

/** Each lane's results: sum, peak, least, third lane's vector. */
const PROBE = `
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> z: array<vec4u>;

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let i = group.x * $(S)u + local.x;
  // Twice, so that a second call must wait for the first.
  let sum = sgAdd_f32(x[i].x) + sgAdd_f32(x[i].y);
  let vector = sgAdd_vec4f(x[i]) + sgBroadcast_vec4f(x[i], 3u);
  y[3u * i] = vec4f(sum, sgMax_f32(x[i].z), sgBroadcast_f32(x[i].w, $(S - 1)u), 0.0);
  y[3u * i + 1u] = vector;
  y[3u * i + 2u] = sgBroadcast_vec4f(vector, 1u);
  z[i] = vec4u(sgMin_u32(i * 7u % 5u), sgBroadcast_u32(i, 2u), 0u, 0u);
}`;

Deno.test("subgroupDialect() emulates the very results of native subgroups", async () => {
  const results = [];
  for (const { gpu } of DIALECTS) {
    assertEquals(gpu.lanes, DIALECTS[0]!.gpu.lanes);
    const S = gpu.lanes, groups = 5;
    // Whole numbers, so that sums do not depend on their order.
    const x = hashed("subgroups", S * groups * 4, 500).map(Math.round);
    const views = [
      gpu.upload(x),
      gpu.buffer(S * groups * 48),
      gpu.buffer(S * groups * 16),
    ];
    const op = gpu.op(gpu.kernel(PROBE), views);
    gpu.submit((dispatch) => dispatch(op, [groups]));
    const [y, z] = await gpu.read([
      { view: views[1]!, bytes: S * groups * 48 },
      { view: views[2]!, bytes: S * groups * 16 },
    ]);
    for (const view of views) gpu.free(view);
    results.push({ y: new Float32Array(y!), z: new Uint32Array(z!) });
    for (let group = 0; group < groups; group++) {
      const lane = (i: number, part: number) => x[4 * (group * S + i) + part]!;
      const lanes = Array.from({ length: S }, (_, i) => i);
      const sum = (part: number) =>
        lanes.reduce((total, i) => total + lane(i, part), 0);
      const vector = [0, 1, 2, 3].map((part) => sum(part) + lane(3, part));
      for (const i of lanes) {
        const at = 12 * (group * S + i);
        assertEquals([...results.at(-1)!.y.subarray(at, at + 12)], [
          sum(0) + sum(1),
          Math.max(...lanes.map((j) => lane(j, 2))),
          lane(S - 1, 3),
          0,
          ...vector,
          ...vector,
        ]);
        assertEquals([...results.at(-1)!.z.subarray(at / 3, at / 3 + 2)], [
          Math.min(...lanes.map((j) => (group * S + j) * 7 % 5)),
          group * S + 2,
        ]);
      }
    }
  }
  assertEquals(results[1], results[0]);
});

Deno.test("subgroupDialect() speaks WebGPU's own functions where they are native", () => {
  const code = "let a = sgAdd_f32(x) + sgBroadcast_vec4f(y, 3u).x;";
  assertEquals(
    subgroupDialect(code, { lanes: 8, native: true }),
    "let a = subgroupAdd(x) + subgroupBroadcast(y, 3u).x;",
  );
});

Deno.test("subgroupDialect() leaves a kernel without subgroup calls as it is", () => {
  const code = "fn main() { let message = 1u; }";
  for (const native of [true, false]) {
    assertEquals(subgroupDialect(code, { lanes: 8, native }), code);
  }
});
