import type { ServeConfig } from "../config/mod.ts";
import { UserError } from "../errors.ts";

/**
 * The API key of the engine's servers; undefined where `engine.api_key_env` names none.
 *
 * @throws {UserError} If the variable that it names is not set.
 */
export function apiKeyOf({ engine }: ServeConfig): string | undefined {
  const name = engine.api_key_env;
  const key = name === null ? undefined : Deno.env.get(name);
  if (name === null || key !== undefined) return key;
  throw new UserError(
    `engine.api_key_env names ${name}, which is not set in the environment`,
  );
}
