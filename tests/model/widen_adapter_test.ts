import {
  adaptedMatrices,
  type AdapterConfig,
  adapterScale,
  adapterShapes,
  type HostTensor,
  initAdapter,
  parseModelConfig,
  widenAdapter,
} from "../../src/model/mod.ts";
import { assertAlmostEquals, assertEquals, assertTrue } from "../assert.ts";
import { TINY_CONFIG } from "./_tiny_model.ts";

const MODEL = parseModelConfig(TINY_CONFIG);
const SMALL: AdapterConfig = {
  rank: 2,
  alpha: 6,
  rslora: true,
  targets: ["q_proj", "down_proj"],
};
const ROOM: AdapterConfig = {
  rank: 5,
  alpha: 16,
  rslora: false,
  targets: ["q_proj", "v_proj", "down_proj"],
};

/** Factors of which none is zero. */
function trained(config: AdapterConfig): readonly HostTensor[] {
  return initAdapter(MODEL, config, 1).map(({ data, ...tensor }, at) => ({
    ...tensor,
    data: data.map((_, i) => Math.sin(at + i)),
  }));
}

/** What an adapter adds to each matrix of `ROOM`: scale · B · A, 0 where it has no factors. */
function added(
  tensors: readonly HostTensor[],
  config: AdapterConfig,
): number[] {
  const byName = new Map(tensors.map(({ name, data }) => [name, data]));
  const { rank } = config;
  return adaptedMatrices(MODEL, ROOM).flatMap(
    ({ A, B, out, in: columns }) => {
      const [a, b] = [byName.get(A), byName.get(B)];
      return Array.from({ length: out * columns }, (_, at) => {
        const [row, column] = [Math.floor(at / columns), at % columns];
        let sum = 0;
        for (let r = 0; r < rank && a && b; r++) {
          sum += b[row * rank + r]! * a[r * columns + column]!;
        }
        return adapterScale(config) * sum;
      });
    },
  );
}

Deno.test("widenAdapter() changes a model as the adapter does, in the larger shape", () => {
  const tensors = trained(SMALL);
  const wide = widenAdapter({ config: SMALL, tensors }, {
    room: ROOM,
    model: MODEL,
  })!;
  assertEquals(
    wide.map(({ name, shape }) => [name, shape]),
    [...adapterShapes(MODEL, ROOM)],
  );
  const [before, after] = [added(tensors, SMALL), added(wide, ROOM)];
  before.forEach((value, at) => assertAlmostEquals(after[at]!, value, 1e-5));
  assertTrue(before.some((value) => Math.abs(value) > 0.1));
});

Deno.test("widenAdapter() leaves an adapter of the same shape as it is, and refuses one that does not fit", () => {
  const adapter = { config: ROOM, tensors: trained(ROOM) };
  const into = (room: AdapterConfig) =>
    widenAdapter(adapter, { room, model: MODEL });
  assertEquals(into(ROOM), adapter.tensors);
  assertEquals(into({ ...ROOM, rank: 4 }), undefined);
  assertEquals(into({ ...ROOM, targets: ["q_proj", "v_proj"] }), undefined);
  assertEquals(into({ ...ROOM, modules: ["model.norm"] }), undefined);
});
