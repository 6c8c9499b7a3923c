/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/**
 * The thread that owns the GPU: the policy's weights, shared by training and decoding.
 *
 * Waiting for the GPU blocks a thread in Deno, so this one does nothing else. Calls run one after the other, and decoding
 * goes on between them, a submission at a time.
 */
import { ASTunerError, EngineError } from "../errors.ts";
import { GemmPlanner, Gpu, planFile } from "../gpu/mod.ts";
import type { GpuPolicy } from "./gpu_policy.ts";
import { openModel } from "./open_model.ts";
import { type AdapterName, DEFAULT_ADAPTER } from "./parameter_sets.ts";
import type { HostTensor, OptimizerState } from "./policy.ts";
import {
  type Calls,
  type Command,
  type Opened,
  type Report,
  toPlain,
} from "./protocol.ts";
import { type ScheduledRequest, Scheduler } from "./scheduler.ts";
import { scoreSequences } from "./score_sequences.ts";

let policy: GpuPolicy;
let scheduler: Scheduler;
let version = 0;
/** The weights have changed since `version` was given: nothing begins to be decoded before `sync` names them. */
let unnamed = false;
let last: Promise<void> = Promise.resolve();
let pumping = false;

const calls: {
  [Name in keyof Calls]: (
    argument: Parameters<Calls[Name]>[0],
    adapter: AdapterName,
  ) => Result<Name>;
} = {
  open,
  forward: ({ input, keep }, adapter) =>
    policy.forward(input, { keep, adapter }),
  reference: (input) => policy.reference(input),
  backward: (gradients, adapter) =>
    policy.backward(gradients, trained(adapter)),
  step: async (options, adapter) => {
    await change();
    return await policy.step(options, trained(adapter));
  },
  discard: () => policy.discard(),
  sync,
  addAdapter: (tensors, adapter) => policy.add(trained(adapter), tensors),
  removeAdapter: async (_, adapter) => {
    while (scheduler.uses(adapter) && (scheduler.running > 0 || !unnamed)) {
      await advance();
    }
    refuse(
      scheduler.forget(adapter),
      new EngineError(`Adapter ${adapter} was unloaded`),
    );
    policy.remove(trained(adapter));
  },
  score: (sequences, adapter) =>
    scoreSequences(
      sequences,
      (input) => policy.forward(input, { keep: false, adapter }),
      policy.transformer.maxNodes,
    ),
  weights: (_, adapter) => policy.weightsOf(adapter),
  loadWeights: async (tensors, adapter) => {
    await change();
    policy.load(tensors, trained(adapter));
  },
  optimizer: (_, adapter) => policy.optimizer(trained(adapter)),
  loadOptimizer: (state, adapter) =>
    policy.loadOptimizer(state, trained(adapter)),
};

function trained(adapter: AdapterName): string {
  if (adapter !== null) return adapter;
  throw new ASTunerError("The reference is not trained");
}

type Result<Name extends keyof Calls> =
  | ReturnType<Calls[Name]>
  | Promise<ReturnType<Calls[Name]>>;

async function open(options: Parameters<Calls["open"]>[0]): Promise<Opened> {
  const gpu = await Gpu.open({ subgroups: options.subgroups });
  const planner = await GemmPlanner.open(gpu, planFile());
  const opened = openModel(planner, options);
  policy = opened.policy;
  scheduler = new Scheduler(opened.decoder, (adapter) => policy.bind(adapter));
  const { adapter, software, subgroups } = gpu.info;
  const { allocated, items } = gpu;
  return { adapter, software, subgroups, allocated, items };
}

/** Serves the weights as they now stand under another version. */
async function sync(next: number): Promise<void> {
  await settle();
  version = next;
  unnamed = false;
  if (scheduler.waiting > 0) pump();
}

/** Makes way for other weights: what is being decoded ends under the old ones, what comes waits for `sync`. */
async function change(): Promise<void> {
  unnamed = true;
  await settle();
}

/** Ends what is being decoded, and forgets cached keys and values. */
async function settle(): Promise<void> {
  while (scheduler.running > 0) report(await scheduler.step({ admit: false }));
  scheduler.clear();
}

/** Runs `job` after all that was asked before it. */
function enqueue(job: () => Promise<void>): void {
  last = last.then(job);
}

function pump(): void {
  if (pumping) return;
  pumping = true;
  enqueue(async () => {
    pumping = false;
    await advance();
    if (scheduler.running > 0 || scheduler.waiting > 0 && !unnamed) pump();
  });
}

/** Decodes one submission. */
async function advance(): Promise<void> {
  try {
    report(await scheduler.step({ admit: !unnamed }));
  } catch (error) {
    refuse(scheduler.drop(), error);
  }
}

function add(request: ScheduledRequest): void {
  const { id, adapter = DEFAULT_ADAPTER } = request;
  try {
    policy.check(adapter);
    scheduler.add(request);
    pump();
  } catch (error) {
    refuse([id], error);
  }
}

function refuse(ids: readonly number[], error: unknown): void {
  for (const id of ids) post({ kind: "refused", id, error: toPlain(error) });
}

function report(progress: Awaited<ReturnType<Scheduler["step"]>>): void {
  const { running, waiting } = scheduler;
  if (progress.length > 0) {
    post({ kind: "progress", version, progress, running, waiting });
  }
}

function post(message: Report, transfer: readonly ArrayBuffer[] = []): void {
  self.postMessage(message, [...transfer]);
}

/** The buffers of the tensors in a result: they move, since a copy would take a model's size twice more. */
function numbersOf(value: unknown): readonly ArrayBuffer[] {
  const { m = [], v = [] } = (value ?? {}) as Partial<OptimizerState>;
  const tensors = [...Array.isArray(value) ? value : [], ...m, ...v];
  const buffers = tensors.flatMap((tensor: Partial<HostTensor>) =>
    tensor.data instanceof Float32Array ? [tensor.data.buffer] : []
  );
  return [...new Set(buffers as ArrayBuffer[])];
}

self.onmessage = ({ data }: MessageEvent<Command>) => {
  switch (data.kind) {
    case "generate":
      add(data.request);
      break;
    case "cancel":
      scheduler.cancel(data.id);
      pump();
      break;
    case "call":
      enqueue(async () => {
        try {
          const call = calls[data.name] as (
            argument: unknown,
            adapter: AdapterName,
          ) => unknown;
          const value = await call(data.argument, data.adapter);
          post({ kind: "result", id: data.id, value }, numbersOf(value));
        } catch (error) {
          post({ kind: "failure", id: data.id, error: toPlain(error) });
        }
      });
      break;
    default:
      data satisfies never;
  }
};
