import { z } from "../deps/zod.ts";
import { UserError } from "../errors.ts";
import { parseBody } from "./_parse_body.ts";
import type { AdapterHost } from "./adapter_host.ts";
import { ApiError } from "./api_error.ts";

const loadSchema = z.looseObject({
  lora_name: z.string().min(1),
  lora_path: z.string().min(1),
});

const unloadSchema = z.looseObject({ lora_name: z.string().min(1) });

/**
 * Answers vLLM's `/v1/load_lora_adapter`.
 *
 * @throws {ApiError} 400 if the name is taken, or the adapter cannot be served.
 */
export async function loadLoraAdapter(
  body: unknown,
  { adapters, modelName }: LoraOptions,
): Promise<Response> {
  const { lora_name: name, lora_path: folder } = parseBody(loadSchema, body);
  const host = hostOf(adapters);
  if (name === modelName || host.loaded.has(name)) {
    throw new ApiError(
      400,
      `The lora adapter '${name}' has already been loaded`,
    );
  }
  try {
    await host.load(name, folder);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new ApiError(400, error.message);
  }
  return new Response(`Success: LoRA adapter '${name}' added successfully.`);
}

/**
 * Answers vLLM's `/v1/unload_lora_adapter`.
 *
 * @throws {ApiError} 404 if there is no such adapter.
 */
export async function unloadLoraAdapter(
  body: unknown,
  { adapters }: LoraOptions,
): Promise<Response> {
  const { lora_name: name } = parseBody(unloadSchema, body);
  const host = hostOf(adapters);
  if (!host.loaded.has(name)) {
    throw new ApiError(404, `The lora adapter '${name}' cannot be found`);
  }
  await host.unload(name);
  return new Response(`Success: LoRA adapter '${name}' removed successfully.`);
}

interface LoraOptions {
  readonly adapters: AdapterHost | undefined;
  readonly modelName: string;
}

function hostOf(adapters: AdapterHost | undefined): AdapterHost {
  if (adapters) return adapters;
  throw new ApiError(
    400,
    "Adapters are not served here: start the server with --set train.method=lora, and the adapters' shape in " +
      "train.lora",
  );
}
