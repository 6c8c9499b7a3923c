import {
  openWeights,
  readSafetensors,
  writeWeights,
} from "../../src/model/mod.ts";
import { assertEquals } from "../assert.ts";
import { withFolder } from "../with_folder.ts";
import { tinyTensors } from "./_tiny_model.ts";

Deno.test("writeWeights() cuts into shards that openWeights() puts together again", async () => {
  const tensors = tinyTensors();
  const bytes = tensors.map(({ data }) => 2 * data.length);
  const total_size = bytes.reduce((a, b) => a + b);
  await withFolder(async (folder) => {
    const maxShardBytes = Math.max(...bytes) + 100;
    await writeWeights(folder, tensors, { dtype: "F16", maxShardBytes });
    const index = JSON.parse(
      await Deno.readTextFile(`${folder}/model.safetensors.index.json`),
    );
    assertEquals(index.metadata, { total_size });
    const files = [...new Set<string>(Object.values(index.weight_map))];
    assertEquals(
      files,
      files.map((_, at) =>
        `model-0000${at + 1}-of-0000${files.length}.safetensors`
      ),
    );
    for (const file of files) {
      const { tensors } = await readSafetensors(`${folder}/${file}`);
      const held = tensors.values()
        .reduce((sum, { byteLength }) => sum + byteLength, 0);
      assertEquals(held <= maxShardBytes, true);
    }
    const store = await openWeights(folder);
    for (const { name, data } of tensors) {
      assertEquals(await store.read(name), data);
    }
  });
});

Deno.test("writeWeights() reads lazy tensors one at a time", async () => {
  let reading = 0;
  const tensors = tinyTensors().map(({ name, shape, data }) => ({
    name,
    shape,
    read: async () => {
      assertEquals(++reading, 1);
      await Promise.resolve();
      reading--;
      return data;
    },
  }));
  await withFolder(async (folder) => {
    await writeWeights(folder, tensors);
    const store = await openWeights(folder);
    assertEquals(store.tensors.size, tensors.length);
  });
});
