import { hubIdOf, isHubId } from "../model/hub/mod.ts";
import { loadTokenizer, type Tokenizer } from "../model/mod.ts";
import { type Config, engineUrls } from "../config/mod.ts";
import { ModelError } from "../errors.ts";
import { ChatEndpoint, Gateway, type GatewayOptions } from "../tuner/mod.ts";
import { apiKeyOf } from "./_api_key.ts";
import { localModel } from "./local_model.ts";
import { openModel } from "./_open_model.ts";

/** A gateway and what stands behind it. */
export interface DebugGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  /** Name of the model. */
  readonly model: string;
  /** What token ids stand for; undefined where the model is elsewhere. */
  readonly tokenizer: Tokenizer | undefined;
}

/** How a gateway is opened. */
export interface OpenDebugGatewayOptions
  extends Required<Pick<GatewayOptions, "fallback">> {
  /** Gives the opening up. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Opens a gateway to whatever engine `config` names, which trains nothing.
 *
 * @throws {UserError} If the engine cannot be used.
 */
export async function openDebugGateway(
  config: Config,
  { fallback, signal }: OpenDebugGatewayOptions,
): Promise<DebugGateway> {
  await using opening = new AsyncDisposableStack();
  const { host, port, public_url } = config.gateway;
  const listening = {
    host,
    port,
    ...(public_url !== null && { publicUrl: public_url }),
    fallback,
  };
  if (config.engine.kind === "openai") {
    const endpoint = chatEndpoint(config);
    // A name that nobody gave is a guess.
    await endpoint.check({ listed: config.engine.model === null });
    const gateway = opening.use(
      await Gateway.start({ ...listening, endpoint }),
    );
    const open = opening.move();
    return {
      gateway,
      model: endpoint.model,
      tokenizer: await localTokenizer(config),
      [Symbol.asyncDispose]: () => open.disposeAsync(),
    };
  }
  const { engine, chat, agents } = opening.use(
    await openModel(await localModel(config), {
      trained: false,
      acted: true,
      signal,
    }),
  );
  const gateway = opening.use(
    await Gateway.start({ ...listening, engine, model: chat, adapted: agents }),
  );
  const open = opening.move();
  return {
    gateway,
    model: engine.info.model,
    tokenizer: chat.tokenizer,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** The model's tokenizer, where its folder is here: an endpoint may give ids, and they can be read then. */
async function localTokenizer(
  { model: { path } }: Config,
): Promise<Tokenizer | undefined> {
  if (isHubId(path)) return undefined;
  try {
    return await loadTokenizer(path);
  } catch (error) {
    // The ids themselves are shown then.
    if (error instanceof ModelError) return undefined;
    throw error;
  }
}

function chatEndpoint(config: Config): ChatEndpoint {
  const { engine, model } = config;
  return new ChatEndpoint({
    url: engineUrls(config)[0]!,
    model: engine.model ?? hubIdOf(model.path) ?? model.path,
    apiKey: apiKeyOf(config),
  });
}
