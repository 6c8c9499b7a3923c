import { GemmPlanner, PaperGpu, requestDevice } from "../gpu/mod.ts";
import { adapterLayout, type Fused, modelLayout } from "./layout.ts";
import { openModel } from "./open_model.ts";
import type { HostTensor } from "./policy.ts";
import type { OpenArguments } from "./protocol.ts";
import type { TransformerShape } from "./shape.ts";

/** What a model takes of the GPU's memory. */
export interface MemoryPlan {
  /** The driver's name for the adapter. */
  readonly adapter: string;
  /** Whether the adapter's memory is the system's. */
  readonly software: boolean;
  /** Bytes of buffers by what they are for, in the order in which they are made. */
  readonly items: ReadonlyMap<string, number>;
}

/** What a model is opened with, but for the numbers in its weights. */
export type PlanArguments = Omit<OpenArguments, "weights" | "adapter"> & {
  readonly adapter?:
    & Omit<NonNullable<OpenArguments["adapter"]>, "weights" | "others">
    & {
      /** Names of the adapters beside the default one. @default none */
      readonly others?: readonly string[];
    };
  /** Whether a model that is not trained will score: its activations are made at the first time. @default false */
  readonly scored?: boolean;
};

/**
 * Counts the memory that a model will take, by laying it out on paper with the code that opens it; nothing is read, and
 * next to nothing allocated.
 *
 * @throws {DeviceError} If there is no GPU, or a single buffer exceeds what it binds.
 */
export async function planMemory(options: PlanArguments): Promise<MemoryPlan> {
  const { adapter, scored = false, ...rest } = options;
  const { shape, subgroups } = rest;
  using gpu = new PaperGpu(await requestDevice({ subgroups }));
  const { policy } = openModel(GemmPlanner.guess(gpu), {
    ...rest,
    weights: valueless(modelLayout(shape)),
    ...(adapter && { adapter: adapterOnPaper(shape, adapter) }),
  });
  if (scored) void policy.transformer;
  const { adapter: name, software } = gpu.info;
  return { adapter: name, software, items: new Map(gpu.items) };
}

function adapterOnPaper(
  shape: TransformerShape,
  { others = [], ...adapter }: NonNullable<PlanArguments["adapter"]>,
): NonNullable<OpenArguments["adapter"]> {
  const weights = valueless(adapterLayout(shape, adapter.lora));
  const named = others.map((name) => [name, weights] as const);
  return { ...adapter, weights, others: new Map(named) };
}

/** The tensors of a layout, without their values. */
function valueless(layout: readonly Fused[]): readonly HostTensor[] {
  const data = new Float32Array();
  return layout.flatMap(({ parts }) =>
    parts.map(({ name, shape }) => ({ name, shape, data }))
  );
}
