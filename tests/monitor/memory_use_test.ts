import { summariseMemory } from "../../src/monitor/mod.ts";
import { assertEquals } from "../assert.ts";

const MEMORY = {
  device: "llvmpipe",
  gpu: { weights: 2 ** 30, adapter: 2 ** 20, activations: 3 * 2 ** 29 },
  host: { "weights as they are read": 2 ** 27 },
  shared: true,
  available: 20 * 2 ** 30,
};

Deno.test("summariseMemory() says in one line what each item takes, and of how much where that is known", () => {
  const items = "activations 1.50 GiB, weights 1.00 GiB, adapter 1.00 MiB";
  assertEquals(
    summariseMemory(MEMORY),
    `GPU memory: 2.50 GiB of 20.0 GiB free on llvmpipe: ${items}`,
  );
  assertEquals(
    summariseMemory({ ...MEMORY, device: "a card", shared: false }),
    `GPU memory: 2.50 GiB on a card: ${items}`,
  );
});
