import { join } from "node:path";
import { ModelError } from "../../src/errors.ts";
import {
  openWeights,
  type TensorInfo,
  writeWeights,
} from "../../src/model/mod.ts";
import { assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { openSmall } from "../engine/_test_engine.ts";
import { withFolder } from "../with_folder.ts";
import { hashedWeights, SMALL_SHAPE } from "./_hashed_model.ts";
import {
  PLAIN_STEP,
  randomInput,
  testPlanner,
  testPolicy,
} from "./_test_policy.ts";

const planner = await testPlanner();

/** The hashed weights in a file, where each tensor lies in it. */
async function stored(
  folder: string,
  dtype: "F32" | "F16" | "BF16" = "F32",
): Promise<readonly TensorInfo[]> {
  await writeWeights(folder, hashedWeights(SMALL_SHAPE), { dtype });
  return [...(await openWeights(folder)).tensors.values()];
}

for (const dtype of ["F32", "F16", "BF16"] as const) {
  Deno.test(`GpuPolicy reads weights from ${dtype} files to the bits that they have in memory`, () =>
    withFolder(async (folder) => {
      const weights = await stored(folder, dtype);
      const store = await openWeights(folder);
      const held = await Promise.all(
        weights.map(async ({ name, shape }) => ({
          name,
          shape,
          data: await store.read(name),
        })),
      );
      for (const frozen of ["f32", "bf16"] as const) {
        const options = { trained: false, dtype: frozen };
        const one = testPolicy(planner, { ...options, weights });
        const other = testPolicy(planner, { ...options, weights: held });
        assertEquals(
          await one.parameters.read(),
          await other.parameters.read(),
        );
      }
    }));
}

Deno.test("GpuPolicy.reference() reads the weights once more where they were read from files", () =>
  withFolder(async (folder) => {
    const policy = testPolicy(planner, { weights: await stored(folder) });
    const input = randomInput("reference", 40);
    const opened = await policy.forward(input);
    policy.backward({
      logprob: new Float32Array(input.targets.length).fill(-1),
      entropy: new Float32Array(input.targets.length),
    });
    await policy.step(PLAIN_STEP);
    assertEquals(await policy.reference(input), opened);
  }));

Deno.test("GpuPolicy names the file and the tensor that holds NaN, or ends too early", () =>
  withFolder(async (folder) => {
    const weights = await stored(folder);
    const { file, name, offset } = weights.at(-1)!;
    {
      using handle = await Deno.open(file, { write: true });
      await handle.seek(offset, Deno.SeekMode.Start);
      await handle.write(new Uint8Array(Float32Array.of(NaN).buffer));
    }
    const error = assertThrows(
      () => testPolicy(planner, { weights }),
      ModelError,
      `${JSON.stringify(name)} holds NaN`,
    );
    assertEquals(error.message.startsWith(file), true);
    await Deno.truncate(file, offset + 2);
    assertThrows(
      () => testPolicy(planner, { weights }),
      ModelError,
      `${file} ends at byte ${offset + 2}`,
    );
  }));

Deno.test("openWebGpu() puts weights from files on the GPU, and says what is wrong with them", () =>
  withFolder(async (folder) => {
    const weights = await stored(folder);
    const sequences = [[1, 2, 3, 4, 5]];
    await using held = await openSmall();
    await using read = await openSmall({ weights });
    assertEquals(
      await read.engine.score(sequences),
      await held.engine.score(sequences),
    );
    const file = join(folder, "model.safetensors");
    await Deno.remove(file);
    await assertRejects(
      () => openSmall({ weights }),
      ModelError,
      `Cannot read ${file}`,
    );
  }));
