import type { ServeConfig } from "../config/mod.ts";
import type { MemoryUse } from "../monitor/mod.ts";
import { Gateway } from "../tuner/mod.ts";
import { AdapterShelf } from "./_adapter_shelf.ts";
import { type OpenModel, openModel } from "./_open_model.ts";
import { samplingOf } from "./_sampling.ts";

/** Where `serve` listens. */
export interface ServeOptions {
  /** @default {"127.0.0.1"} */
  readonly host?: string;
  /** 0 takes any free port. @default {8000} */
  readonly port?: number;
  /** Is told what memory the model will take, before any is taken. */
  readonly onMemory?: (memory: MemoryUse) => void;
  /** Is told what is worth knowing, such as a vLLM server that is away. */
  readonly onNote?: (text: string) => void;
  /** Gives the opening up. */
  readonly signal?: AbortSignal;
}

/** A model being served; dispose of it to stop. */
export interface Server extends AsyncDisposable {
  /** Base URL for OpenAI clients, ending in `/v1`. */
  readonly url: string;
  /** Name that clients may send as `model`. */
  readonly model: string;
}

/**
 * Serves the model of `config` over the OpenAI protocol, to anyone who reaches the port.
 *
 * @throws {UserError} If the model cannot be opened, or the port is taken.
 * @throws The reason of `signal`, where a server is waited for that is started.
 */
export async function serve(
  config: ServeConfig,
  { host = "127.0.0.1", port = 8000, onMemory, onNote, signal }: ServeOptions =
    {},
): Promise<Server> {
  await using opening = new AsyncDisposableStack();
  const model = opening.use(
    await openModel(config, {
      trained: false,
      exchanged: true,
      onMemory,
      onNote,
      signal,
    }),
  );
  const { chat } = model;
  const modelName = model.engine.info.model;
  const adapters = adapterShelf(model);
  const gateway = opening.use(
    await Gateway.start({
      engine: model.engine,
      ...(adapters && { adapters }),
      model: chat,
      host,
      port,
      modelName,
      open: true,
      sampling: samplingOf(config),
    }),
  );
  const open = opening.move();
  return {
    url: `${gateway.url}/v1`,
    model: modelName,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Undefined where the model was opened without room for adapters. */
function adapterShelf(
  { engine, slots, adapter, shape: model }: OpenModel,
): AdapterShelf | undefined {
  if (slots === undefined || adapter === undefined) return undefined;
  return new AdapterShelf({ engine, slots, model, shape: adapter });
}
