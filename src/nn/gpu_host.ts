import { EngineError } from "../errors.ts";
import {
  type Calls,
  type Command,
  fromPlain,
  type OpenArguments,
  type Opened,
  type Report,
} from "./protocol.ts";
import { type AdapterName, DEFAULT_ADAPTER } from "./parameter_sets.ts";
import type { Progress, ScheduledRequest } from "./scheduler.ts";

/** Told of each submission's share of a generation. */
export type ProgressListener = (progress: Progress, version: number) => void;

/** How the Worker is asked. */
export interface CallOptions {
  /** Which weights the call is about; null for the reference. @default DEFAULT_ADAPTER */
  readonly adapter?: AdapterName;
  /** Buffers that move there. */
  readonly transfer?: readonly ArrayBufferLike[];
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

interface Generating {
  readonly listener: ProgressListener;
  readonly fail: (error: Error) => void;
}

/** This thread's end of the Worker that owns the GPU. */
export class GpuHost implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #calls = new Map<number, Pending>();
  readonly #generations = new Map<number, Generating>();
  #next = 0;
  #running = 0;
  #waiting = 0;
  #opened: Opened | undefined;
  #ended = false;
  /** Why nothing can be asked any more. */
  #end: Error | undefined;

  private constructor() {
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), {
      type: "module",
    });
    this.#worker.onmessage = ({ data }: MessageEvent<Report>) =>
      this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new EngineError(`The GPU thread failed: ${event.message}`));
    };
  }

  /**
   * Starts the Worker and puts the weights on its GPU. Tensors in files are read there; buffers of those in memory move
   * there and are empty afterwards.
   *
   * @throws {DeviceError} If there is no GPU, or it cannot hold what is asked.
   * @throws {ModelError} If a tensor cannot be used.
   */
  static async open(options: OpenArguments): Promise<GpuHost> {
    const host = new GpuHost();
    try {
      host.#opened = await host.call(
        "open",
        options,
        {
          transfer: options.weights.flatMap((tensor) =>
            "data" in tensor ? [tensor.data.buffer] : []
          ),
        },
      );
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What was found when the GPU was opened. */
  get opened(): Opened {
    return this.#opened!;
  }

  /** Whether the Worker is there to be asked. */
  get alive(): boolean {
    return this.#end === undefined;
  }

  /** Sequences being decoded. */
  get running(): number {
    return this.#running;
  }

  /** Sequences waiting for a place. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Has the Worker run one of its calls. */
  call<Name extends keyof Calls>(
    name: Name,
    argument?: Parameters<Calls[Name]>[0],
    { adapter = DEFAULT_ADAPTER, transfer = [] }: CallOptions = {},
  ): Promise<ReturnType<Calls[Name]>> {
    if (this.#end) return Promise.reject(this.#end);
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<
      ReturnType<Calls[Name]>
    >();
    this.#calls.set(id, { resolve, reject });
    this.#post(
      { kind: "call", id, name, argument, adapter },
      transfer as ArrayBuffer[],
    );
    return promise;
  }

  /**
   * Starts a generation.
   *
   * @param fail Called instead of the listener's last time if the generation cannot be served.
   * @returns A function that cancels it.
   */
  generate(
    request: Omit<ScheduledRequest, "id">,
    listener: ProgressListener,
    fail: (error: Error) => void,
  ): () => void {
    const end = this.#end;
    if (end) {
      queueMicrotask(() => fail(end));
      return () => {};
    }
    const id = this.#next++;
    this.#generations.set(id, { listener, fail });
    this.#post({ kind: "generate", request: { ...request, id } });
    return () => {
      if (this.#generations.has(id)) this.#post({ kind: "cancel", id });
    };
  }

  #post(command: Command, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(command, transfer);
  }

  #receive(report: Report): void {
    switch (report.kind) {
      case "result":
        this.#take(report.id)?.resolve(report.value as never);
        break;
      case "failure":
        this.#take(report.id)?.reject(fromPlain(report.error));
        break;
      case "refused":
        this.#generations.get(report.id)?.fail(fromPlain(report.error));
        this.#generations.delete(report.id);
        break;
      case "progress":
        this.#running = report.running;
        this.#waiting = report.waiting;
        for (const progress of report.progress) {
          const generation = this.#generations.get(progress.id);
          if (progress.finishReason) this.#generations.delete(progress.id);
          generation?.listener(progress, report.version);
        }
        break;
      default:
        report satisfies never;
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#calls.get(id);
    this.#calls.delete(id);
    return pending;
  }

  /** Ends everything that waits for the Worker, and whatever is asked later. */
  #fail(error: Error): void {
    this.#end ??= error;
    for (const { reject } of this.#calls.values()) reject(error);
    for (const { fail } of this.#generations.values()) fail(error);
    this.#calls.clear();
    this.#generations.clear();
  }

  /**
   * Ends the Worker, and frees the GPU with it. Deno can crash if the process ends while a terminated Worker's thread is still at
   * its own end, so this waits until that is over.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new EngineError("The engine was closed"));
    if (this.#ended) return;
    this.#ended = true;
    this.#worker.terminate();
    await new Promise((resolve) => setTimeout(resolve, THREAD_END_MS));
  }
}

/** Measured: 40 exits in a row crashed 8 times without a wait, 50 with this one never. */
const THREAD_END_MS = 300;
