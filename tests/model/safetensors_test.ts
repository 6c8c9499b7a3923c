import {
  readSafetensors,
  readShardedSafetensors,
  writeSafetensors,
} from "../../src/model/mod.ts";
import { ModelError } from "../../src/errors.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { withFolder } from "../with_folder.ts";
import { GOLDEN_FILES } from "./_golden_weights.ts";
import { safetensorsBytes } from "./_safetensors_bytes.ts";

Deno.test("readSafetensors() reads what the safetensors library wrote", async () => {
  await withFolder(async (folder) => {
    for (const { dtype, bytes, tensors } of GOLDEN_FILES) {
      const path = `${folder}/${dtype}.safetensors`;
      await Deno.writeFile(path, bytes);
      const store = await readSafetensors(path);
      assertEquals(store.metadata, new Map([["format", "pt"]]));
      assertEquals(store.tensors.size, tensors.length);
      for (const { name, shape, stored } of tensors) {
        assertEquals(store.tensors.get(name)!.shape, shape);
        assertEquals(store.tensors.get(name)!.dtype, dtype);
        assertEquals(await store.read(name), Float32Array.from(stored));
      }
    }
  });
});

Deno.test("writeSafetensors() writes the bytes the safetensors library writes", async () => {
  await withFolder(async (folder) => {
    for (const { dtype, bytes, tensors } of GOLDEN_FILES) {
      const path = `${folder}/${dtype}.safetensors`;
      await writeSafetensors(
        path,
        tensors.map(({ name, shape, given }) => ({
          name,
          shape,
          data: Float32Array.from(given),
        })),
        { dtype },
      );
      assertEquals(await Deno.readFile(path), bytes, dtype);
    }
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assertEquals(names.filter((name) => name.endsWith(".partial")), []);
  });
});

Deno.test("writeSafetensors() refuses what a reader would refuse, and keeps the old file", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    const write = (value: number, dtype?: "F16" | "BF16") =>
      writeSafetensors(
        path,
        [{ name: "w", shape: [1], data: Float32Array.of(value) }],
        dtype && { dtype },
      );
    await write(7);
    await assertRejects(() => write(NaN), ModelError, '"w"');
    await assertRejects(() => write(NaN, "BF16"), ModelError, '"w"');
    await assertRejects(() => write(70_000, "F16"), ModelError, "too large");
    await assertRejects(() => write(3.4e38, "BF16"), ModelError, "too large");
    assertEquals([...Deno.readDirSync(folder)].length, 1);
    assertEquals(
      await (await readSafetensors(path)).read("w"),
      Float32Array.of(7),
    );
    const twice = { name: "w", shape: [1], data: Float32Array.of(1) };
    await assertRejects(
      () => writeSafetensors(path, [twice, twice]),
      RangeError,
    );
    await assertRejects(
      () => writeSafetensors(path, [{ ...twice, shape: [2] }]),
      RangeError,
      "[2]",
    );
  });
});

Deno.test("readSafetensors() names what is wrong with a hostile header", async () => {
  const f32 = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const cases: [unknown, string][] = [
    ["{", "not valid JSON"],
    ["[]", "must be a JSON object"],
    [
      '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
      "duplicate keys",
    ],
    [
      '{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
      "duplicate keys",
    ],
    [{ a: 1 }, 'tensor "a" must be an object'],
    [{ a: { ...f32, dtype: "F4" } }, 'dtype "F4"'],
    [{ a: { ...f32, shape: [-1] } }, "natural numbers"],
    [{ a: { ...f32, shape: [0.5] } }, "natural numbers"],
    [{ a: { ...f32, shape: [2 ** 53] } }, "natural numbers"],
    [{ a: { ...f32, shape: [2 ** 40, 2 ** 40, 2 ** 40] } }, "needs"],
    [{ a: { ...f32, shape: [3] } }, "needs 12 bytes"],
    [{ a: { ...f32, data_offsets: [8, 0] } }, "outside of the file"],
    [{ a: { ...f32, data_offsets: [0, 1e12] } }, "outside of the file"],
    [{ a: { ...f32, data_offsets: [0] } }, "two natural numbers"],
    [{ a: f32, b: f32 }, "inside of the one before it"],
    [{ a: { ...f32, shape: [1], data_offsets: [4, 8] } }, "not at the end"],
    [{ a: { ...f32, shape: [1], data_offsets: [0, 4] } }, "tensors end at"],
    [{}, "tensors end at"],
    [{ a: f32, __metadata__: { x: 1 } }, "__metadata__"],
  ];
  await withFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    for (const [header, message] of cases) {
      await Deno.writeFile(path, safetensorsBytes(header, new Uint8Array(8)));
      const error = await assertRejects(
        () => readSafetensors(path),
        ModelError,
        message,
      );
      assertEquals(error.message.includes(path), true);
    }
  });
});

Deno.test("readSafetensors() refuses a file that is missing, cut short or no safetensors", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    await assertRejects(() => readSafetensors(path), ModelError, "Cannot read");
    const { bytes } = GOLDEN_FILES[0]!;
    for (const size of [0, 7, 8, 100, bytes.length - 1]) {
      await Deno.writeFile(path, bytes.subarray(0, size));
      await assertRejects(() => readSafetensors(path), ModelError, path);
    }
    await Deno.writeFile(path, new Uint8Array(64).fill(0xff));
    await assertRejects(
      () => readSafetensors(path),
      ModelError,
      "18446744073709551615 bytes",
    );
  });
});

Deno.test("TensorStore.read() refuses NaN, other number formats and unknown names", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/model.safetensors`;
    const header = {
      nan: { dtype: "F32", shape: [], data_offsets: [0, 4] },
      ids: { dtype: "I64", shape: [1], data_offsets: [4, 12] },
    };
    const data = new Uint8Array(12).fill(0xff);
    await Deno.writeFile(path, safetensorsBytes(header, data));
    const store = await readSafetensors(path);
    await assertRejects(() => store.read("nan"), ModelError, '"nan" holds NaN');
    await assertRejects(() => store.read("ids"), ModelError, "I64");
    await assertRejects(() => store.read("none"), ModelError, '"none"');
    await Deno.truncate(path, 10 + 8);
    await assertRejects(() => store.read("nan"), ModelError, "too early");
  });
});

Deno.test("readShardedSafetensors() reads the shards an index names as one store", async () => {
  await withFolder(async (folder) => {
    const index = await writeShards(folder, {
      a: "1.safetensors",
      b: "2.safetensors",
    });
    const store = await readShardedSafetensors(index);
    assertEquals([...store.tensors.keys()], ["a", "b"]);
    assertEquals(await store.read("b"), Float32Array.of(2));
  });
});

Deno.test("readShardedSafetensors() refuses an index that leaves its folder or lies", async () => {
  await withFolder(async (folder) => {
    const cases: [Record<string, unknown>, string][] = [
      [{ a: "../1.safetensors" }, "../1.safetensors"],
      [{ a: "/etc/1.safetensors" }, "not a safetensors file beside it"],
      [{ a: "sub/1.safetensors" }, "not a safetensors file beside it"],
      [{ a: "1.bin" }, "not a safetensors file beside it"],
      [{ a: 1 }, "not a safetensors file beside it"],
      [{ a: "3.safetensors" }, "Cannot read"],
      [{ a: "1.safetensors", c: "1.safetensors" }, 'lacks tensor "c"'],
      [{ a: "2.safetensors", b: "1.safetensors" }, "does not say"],
    ];
    for (const [weightMap, message] of cases) {
      const index = await writeShards(folder, weightMap);
      await assertRejects(
        () => readShardedSafetensors(index),
        ModelError,
        message,
      );
    }
  });
});

/** Writes an index, and tensor `a` = 1 in shard 1 and `b` = 2 in shard 2. */
async function writeShards(
  folder: string,
  weightMap: Readonly<Record<string, unknown>>,
): Promise<string> {
  for (const [name, value] of [["a", 1], ["b", 2]] as const) {
    await writeSafetensors(`${folder}/${value}.safetensors`, [
      { name, shape: [1], data: Float32Array.of(value) },
    ]);
  }
  const index = `${folder}/model.safetensors.index.json`;
  await Deno.writeTextFile(index, JSON.stringify({ weight_map: weightMap }));
  return index;
}
