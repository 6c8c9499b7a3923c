import { join } from "node:path";
import { ModelError } from "../errors.ts";
import {
  type AdapterConfig,
  isAdapterFolder,
  openWeights,
  readSafetensors,
  saveModelFolder,
  type TensorStore,
  writeSafetensors,
} from "../model/mod.ts";
import { explainWrite } from "../monitor/mod.ts";
import type { HostTensor, OptimizerState, Policy } from "../nn/mod.ts";
import { ownAdapters, saveAdapters } from "./save_adapters.ts";
import type { TrainState } from "./types.ts";

const ADAPTER = "adapter_model.safetensors";
const OPTIMIZER = "optimizer.safetensors";
const STATE = "state.json";
const LATEST = "latest";

/** What a checkpoint holds, and how many stay. */
export interface SaveCheckpointOptions {
  readonly policy: Policy;
  /** Shape of the adapter that is trained; absent where the weights themselves are. */
  readonly adapter?: AdapterConfig | undefined;
  /** Model folder that the run began with: configuration and tokenizer are carried over. */
  readonly model: string;
  readonly state: TrainState;
  /** Checkpoints kept, the latest ones; 0 keeps all. */
  readonly keep: number;
}

/**
 * Saves everything a run needs to go on in a folder `step-N` under `root`: a model folder in Hugging
 * Face layout, or adapters in PEFT's, with the optimizer's moments and the run's state beside it. Of several adapters the
 * default one stands at the top and each other in a folder of its name, with its own moments, as PEFT saves them.
 *
 * The folder takes its name when it is complete, so that it is always whole, whenever the program
 * is killed. The link `latest` follows, and old checkpoints go.
 *
 * @returns Path of the checkpoint.
 * @throws {UserError} If the file system refuses; the checkpoints before it are untouched.
 */
export async function saveCheckpoint(
  root: string,
  { policy, adapter, model, state, keep }: SaveCheckpointOptions,
): Promise<string> {
  const name = folderName(state.step);
  const folder = join(root, name);
  await explainWrite(folder, async () => {
    const extra = async (building: string, own: Policy) => {
      await saveOptimizer(join(building, OPTIMIZER), own);
      if (own === policy) await saveState(join(building, STATE), state);
    };
    await (adapter
      ? saveAdapters(folder, { policy, config: adapter, extra })
      : saveModelFolder(folder, {
        source: model,
        tensors: await policy.weights(),
        extra: (building) => extra(building, policy),
      }));
    await pointLatest(root, name);
    await removeOld(root, keep);
  });
  return folder;
}

/**
 * Puts the weights and the optimizer's moments of a checkpoint into `policy`.
 *
 * @returns The state of the run when it was saved.
 * @throws {ModelError} If the checkpoint is damaged, or of another model.
 */
export async function loadCheckpoint(
  folder: string,
  policy: Policy,
): Promise<TrainState> {
  const state = await loadState(join(folder, STATE));
  const weights = await isAdapterFolder(folder)
    ? await readSafetensors(join(folder, ADAPTER))
    : await openWeights(folder);
  await policy.loadWeights(await readTensors(weights, ""));
  await policy.loadOptimizer(await loadOptimizer(join(folder, OPTIMIZER)));
  for (const name of ownAdapters(policy)) {
    const own = policy.of(name);
    const store = await readSafetensors(join(folder, name, ADAPTER));
    await own.loadWeights(await readTensors(store, ""));
    await own.loadOptimizer(await loadOptimizer(join(folder, name, OPTIMIZER)));
  }
  return state;
}

/** Path of the latest checkpoint under `root`; undefined where there is none. */
export async function latestCheckpoint(
  root: string,
): Promise<string | undefined> {
  const step = (await checkpointSteps(root)).at(-1);
  return step === undefined ? undefined : join(root, folderName(step));
}

function folderName(step: number): string {
  return `step-${String(step).padStart(6, "0")}`;
}

/** Steps of the checkpoints under `root`, in order. */
async function checkpointSteps(root: string): Promise<number[]> {
  const steps: number[] = [];
  for await (const { name } of Deno.readDir(root)) {
    const step = /^step-(\d+)$/.exec(name)?.[1];
    if (step !== undefined) steps.push(Number(step));
  }
  return steps.sort((a, b) => a - b);
}

async function saveOptimizer(path: string, policy: Policy): Promise<void> {
  const { step, m, v } = await policy.optimizer();
  await writeSafetensors(path, [
    ...m.map((tensor) => ({ ...tensor, name: `m.${tensor.name}` })),
    ...v.map((tensor) => ({ ...tensor, name: `v.${tensor.name}` })),
  ], { metadata: { step: `${step}` } });
}

async function loadOptimizer(path: string): Promise<OptimizerState> {
  const store = await readSafetensors(path);
  const step = Number(store.metadata.get("step"));
  if (!Number.isSafeInteger(step)) {
    throw new ModelError(`${path} does not say how many steps were taken`);
  }
  return {
    step,
    m: await readTensors(store, "m."),
    v: await readTensors(store, "v."),
  };
}

/** The tensors whose names begin with `prefix`, without it. */
async function readTensors(
  store: TensorStore,
  prefix: string,
): Promise<HostTensor[]> {
  const found: HostTensor[] = [];
  for (const [name, { shape }] of store.tensors) {
    if (!name.startsWith(prefix)) continue;
    const data = await store.read(name);
    found.push({ name: name.slice(prefix.length), shape, data });
  }
  return found;
}

async function saveState(path: string, state: TrainState): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(state, null, 2) + "\n");
  using file = await Deno.open(path, { write: true });
  await file.sync();
}

async function loadState(path: string): Promise<TrainState> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (cause) {
    throw new ModelError(
      `Cannot read ${path}: remove this checkpoint to resume from the one before it`,
      { cause },
    );
  }
}

/** Moves the link that people and other programs follow; a resumed run goes by the numbers. */
async function pointLatest(root: string, name: string): Promise<void> {
  const link = join(root, `${LATEST}.partial`);
  await Deno.remove(link).catch(() => {});
  await Deno.symlink(name, link, { type: "dir" });
  await Deno.rename(link, join(root, LATEST));
}

/**
 * Removes all but the last `keep` checkpoints, and what a killed program left half done. A folder
 * loses its name before its files, so that none is ever found half removed.
 */
async function removeOld(root: string, keep: number): Promise<void> {
  const old = keep > 0 ? (await checkpointSteps(root)).slice(0, -keep) : [];
  for (const step of old) {
    const folder = join(root, folderName(step));
    await Deno.rename(folder, `${folder}.old`);
  }
  for await (const { name } of Deno.readDir(root)) {
    if (!/\.(old|partial)$/.test(name)) continue;
    await Deno.remove(join(root, name), { recursive: true });
  }
}
