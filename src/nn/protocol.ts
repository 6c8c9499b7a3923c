import {
  ASTunerError,
  DataError,
  DeviceError,
  EngineError,
  ModelError,
  RequestError,
  UserError,
} from "../errors.ts";
import type { DecoderSize } from "./decoder.ts";
import type { GpuPolicyOptions } from "./gpu_policy.ts";
import type {
  HostTensor,
  OptimizerState,
  ScoreGradients,
  StepOptions,
  TreeInput,
  TreeScores,
  WeightTensor,
} from "./policy.ts";
import type { AdapterName } from "./parameter_sets.ts";
import type { Progress, ScheduledRequest } from "./scheduler.ts";
import type { TransformerShape } from "./shape.ts";

/** What the Worker is opened with. */
export interface OpenArguments extends GpuPolicyOptions {
  readonly shape: TransformerShape;
  readonly weights: readonly WeightTensor[];
  readonly decoder: DecoderSize;
  /** Whether scores under the reference will be wanted. @default false: room is made when they are */
  readonly reference?: boolean;
  readonly subgroups: boolean;
}

/** What the Worker says once it is open. */
export interface Opened {
  readonly adapter: string;
  readonly software: boolean;
  readonly subgroups: boolean;
  /** Bytes of GPU buffers. */
  readonly allocated: number;
  /** The same, by what they are for. */
  readonly items: ReadonlyMap<string, number>;
}

/** The calls the Worker answers, each with what it takes beside the adapter's name, and gives. */
export interface Calls {
  open: (options: OpenArguments) => Opened;
  forward: (
    argument: { readonly input: TreeInput; readonly keep: boolean },
  ) => TreeScores;
  reference: (input: TreeInput) => TreeScores;
  backward: (gradients: ScoreGradients) => void;
  step: (options: StepOptions) => { readonly gradNorm: number };
  discard: () => void;
  sync: (version: number) => void;
  addAdapter: (tensors: readonly HostTensor[]) => void;
  removeAdapter: () => void;
  score: (sequences: readonly (readonly number[])[]) => Float32Array[];
  weights: () => readonly HostTensor[];
  loadWeights: (tensors: readonly HostTensor[]) => void;
  optimizer: () => OptimizerState;
  loadOptimizer: (state: OptimizerState) => void;
}

/** Messages to the Worker. */
export type Command =
  | {
    readonly kind: "call";
    readonly id: number;
    readonly name: keyof Calls;
    readonly argument: unknown;
    /** Which weights the call is about; null for the reference. */
    readonly adapter: AdapterName;
  }
  | { readonly kind: "generate"; readonly request: ScheduledRequest }
  | { readonly kind: "cancel"; readonly id: number };

/** Messages from the Worker. */
export type Report =
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | {
    readonly kind: "failure";
    readonly id: number;
    readonly error: PlainError;
  }
  | {
    readonly kind: "progress";
    readonly version: number;
    readonly progress: readonly Progress[];
    readonly running: number;
    readonly waiting: number;
  }
  | {
    readonly kind: "refused";
    readonly id: number;
    readonly error: PlainError;
  };

/** An error on its way between threads. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
}

const CLASSES = {
  DataError,
  DeviceError,
  EngineError,
  ModelError,
  RequestError,
  UserError,
};

/** An error as data. */
export function toPlain(error: unknown): PlainError {
  if (!(error instanceof Error)) {
    return { name: "Error", message: String(error) };
  }
  const { name, message, stack } = error;
  return { name, message, ...(stack !== undefined && { stack }) };
}

/** Data as the error it was, so that a user's mistake stays one on this side. */
export function fromPlain({ name, message, stack }: PlainError): Error {
  if (name in CLASSES) {
    return new CLASSES[name as keyof typeof CLASSES](message);
  }
  const error = new ASTunerError(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
