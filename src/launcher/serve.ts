import type { ServeConfig } from "../config/mod.ts";
import type { MemoryUse } from "../monitor/mod.ts";
import { Gateway } from "../tuner/mod.ts";
import { openModel } from "./_open_model.ts";
import { samplingOf } from "./_sampling.ts";

/** Where `serve` listens. */
export interface ServeOptions {
  /** @default {"127.0.0.1"} */
  readonly host?: string;
  /** 0 takes any free port. @default {8000} */
  readonly port?: number;
  /** Is told what memory the model will take, before any is taken. */
  readonly onMemory?: (memory: MemoryUse) => void;
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
 */
export async function serve(
  config: ServeConfig,
  { host = "127.0.0.1", port = 8000, onMemory }: ServeOptions = {},
): Promise<Server> {
  await using opening = new AsyncDisposableStack();
  const { gpu, chat } = await openModel(config, false, onMemory);
  opening.use(gpu);
  const modelName = gpu.engine.info.model;
  const gateway = opening.use(
    await Gateway.start({
      engine: gpu.engine,
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
