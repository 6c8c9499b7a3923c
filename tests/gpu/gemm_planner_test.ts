import {
  GemmPlanner,
  gemmPlans,
  type GemmShape,
  type PlanStore,
} from "../../src/gpu/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { testGpu } from "./_test_gpu.ts";

const gpu = await testGpu();
const SHAPE: GemmShape = { mode: "NT", M: 1024, N: 128, K: 128 };

/** A store in memory that counts what is saved. */
function memoryStore(
  text?: string,
): PlanStore & { readonly saved: Map<string, string> } {
  const saved = new Map<string, string>();
  return {
    saved,
    load: (key) => saved.get(key) ?? text,
    save: (key, value) => void saved.set(key, value),
  };
}

Deno.test("GemmPlanner.open() times the plans once, remembers them, and survives a damaged store", async () => {
  const store = memoryStore("{ not JSON");
  const planner = await GemmPlanner.open(gpu, store);
  assertEquals(store.saved.size, 1);
  const [key, text] = [...store.saved][0]!;
  assertTrue(key.includes(gpu.info.adapter), key);
  for (const mode of ["NN", "NT", "TN"] as const) {
    const tried = planner.order[mode].map((plan) => JSON.stringify(plan));
    const trial = { mode, M: 1024, N: 256, K: 256 };
    const worth = gemmPlans(gpu, trial).map((plan) => JSON.stringify(plan));
    assertEquals(tried.toSorted(), worth.toSorted());
  }
  store.saved.set(key, text.replace("{", "{ "));
  const again = await GemmPlanner.open(gpu, store);
  assertEquals(again.order, planner.order);
  assertEquals(store.saved.get(key), text.replace("{", "{ "));
});

Deno.test("GemmPlanner.open() times anew where the store holds what is no plan", async () => {
  const store = memoryStore('{"NN":[null],"NT":[null],"TN":[7]}');
  const planner = await GemmPlanner.open(gpu, store);
  assertEquals(planner.plan(SHAPE), planner.order.NT[0]);
  assertEquals(store.saved.size, 1);
});

Deno.test("GemmPlanner.plan() takes the fastest that suits, else the best guess", async () => {
  const plans = gemmPlans(gpu, SHAPE);
  const last = plans.at(-1)!;
  const stranger = { family: "register", TM: 3, TN: 12 };
  const order = JSON.stringify({
    NN: [],
    NT: [stranger, last],
    TN: [stranger],
  });
  const planner = await GemmPlanner.open(gpu, memoryStore(order));
  assertEquals(planner.plan(SHAPE), last);
  for (const mode of ["NN", "TN"] as const) {
    const shape = { ...SHAPE, mode };
    assertEquals(planner.plan(shape), gemmPlans(gpu, shape)[0]);
  }
});
