import { join } from "node:path";
import golden from "../golden/peft/peft.json" with { type: "json" };
import { type HostTensor, readSafetensors } from "../../src/model/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";

/** AdamW's settings in `peft.json`, made by `tests/golden/peft/make.py`. */
export const OPTIMIZER = golden.optimizer;

/** Updates from rollouts, and the Llama that they begin with. */
export const UPDATE = golden.update;

/** A model with an adapter, and what transformers and peft make of them. */
export type GoldenModel = typeof golden.models[number];

/** The models of `peft.json`. */
export const MODELS: readonly GoldenModel[] = golden.models;

/** Where a model's files were written. */
export interface GoldenFolders {
  readonly model: string;
  readonly adapter: string;
  readonly out: string;
}

/** Runs `use` with the model and its adapter as folders, and a third one to write. */
export async function withGolden(
  golden: GoldenModel,
  use: (folders: GoldenFolders) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    const model = join(root, "model");
    const adapter = join(root, "adapter");
    await Deno.mkdir(model);
    await Deno.mkdir(adapter);
    await writeJson(join(model, "config.json"), golden.config);
    await writeBytes(join(model, "model.safetensors"), golden.weights);
    await writeJson(join(adapter, "adapter_config.json"), golden.adapterConfig);
    await writeBytes(
      join(adapter, "adapter_model.safetensors"),
      golden.adapter,
    );
    await use({ model, adapter, out: join(root, "out") });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** The tensors of a packed safetensors file. */
export async function unpack(packed: string): Promise<HostTensor[]> {
  const path = await Deno.makeTempFile();
  try {
    await writeBytes(path, packed);
    return await tensorsOf(path);
  } finally {
    await Deno.remove(path);
  }
}

/** The tensors of a safetensors file. */
export async function tensorsOf(path: string): Promise<HostTensor[]> {
  const store = await readSafetensors(path);
  const tensors: HostTensor[] = [];
  for (const { name, shape } of store.tensors.values()) {
    tensors.push({ name, shape, data: await store.read(name) });
  }
  return tensors;
}

/** Fails where a tensor differs from the one of its name by more than `tolerance` of its norm. */
export function assertTensors(
  actual: readonly HostTensor[],
  expected: readonly HostTensor[],
  tolerance: number,
): void {
  const names = (tensors: readonly HostTensor[]) =>
    tensors.map(({ name }) => name).sort();
  assertEquals(names(actual), names(expected));
  for (const { name, shape, data } of expected) {
    const other = actual.find((tensor) => tensor.name === name)!;
    assertEquals([...other.shape], [...shape], name);
    const norm = Math.hypot(...data);
    const gap = Math.hypot(...data.map((x, i) => x - other.data[i]!));
    assertTrue(gap <= tolerance * norm, `${name}: ${gap / norm}`);
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(value));
}

async function writeBytes(path: string, packed: string): Promise<void> {
  await Deno.writeFile(path, Uint8Array.fromBase64(packed));
}
