import { hubIdOf, isHubId } from "../model/hub/mod.ts";
import { loadTokenizer, type Tokenizer } from "../model/mod.ts";
import type { Config } from "../config/mod.ts";
import { ModelError, UserError } from "../errors.ts";
import { ChatEndpoint, Gateway, type GatewayOptions } from "../tuner/mod.ts";
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

/**
 * Opens a gateway to whatever engine `config` names, which trains nothing.
 *
 * @throws {UserError} If the engine cannot be used.
 */
export async function openDebugGateway(
  config: Config,
  { fallback }: Required<Pick<GatewayOptions, "fallback">>,
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
    await endpoint.check();
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
  const { gpu, chat } = await openModel(await localModel(config), false);
  opening.use(gpu);
  const gateway = opening.use(
    await Gateway.start({ ...listening, engine: gpu.engine, model: chat }),
  );
  const open = opening.move();
  return {
    gateway,
    model: gpu.engine.info.model,
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

function chatEndpoint({ engine, model }: Config): ChatEndpoint {
  const { url, api_key_env: name } = engine;
  const apiKey = name === null ? undefined : Deno.env.get(name);
  if (name !== null && apiKey === undefined) {
    throw new UserError(
      `engine.api_key_env names ${name}, which is not set in the environment`,
    );
  }
  return new ChatEndpoint({
    url: String(url),
    model: engine.model ?? hubIdOf(model.path) ?? model.path,
    apiKey,
  });
}
