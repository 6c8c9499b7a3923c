import { join } from "node:path";
import type { ServeConfig } from "../config/mod.ts";
import {
  type AdapterConfig,
  isAdapterFolder,
  readAdapterConfig,
} from "../model/mod.ts";
import { checkOwnShape } from "./_adapter_shape.ts";

/** What agents are served for. */
export interface ServedAgentsOptions {
  /** Whether their adapters will be trained. */
  readonly trained: boolean;
  /** Whether agents act at all. */
  readonly acted: boolean;
  /** Shape of the adapter that the config names; undefined where it names none. */
  readonly adapter: AdapterConfig | undefined;
}

/**
 * The agents of `config` whose own adapters servers are to be given: all that are trained, or those that have a folder
 * in the adapter's, as a checkpoint has them. An agent without one speaks from the adapter that agents share.
 *
 * @throws {ModelError} If an agent's adapter has another shape than the one that agents share.
 */
export async function servedAgents(
  { model, train }: ServeConfig,
  { trained, acted, adapter }: ServedAgentsOptions,
): Promise<readonly string[]> {
  const { agents } = train.lora;
  if (!acted) return [];
  if (trained) return agents;
  if (model.adapter === null || adapter === undefined) return [];
  const served: string[] = [];
  for (const agent of agents) {
    const folder = join(model.adapter, agent);
    if (!await isAdapterFolder(folder)) continue;
    checkOwnShape(await readAdapterConfig(folder), {
      folder,
      shared: model.adapter,
      room: adapter,
    });
    served.push(agent);
  }
  return served;
}
