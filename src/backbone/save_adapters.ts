import { join } from "node:path";
import { type AdapterConfig, saveAdapter } from "../model/mod.ts";
import { DEFAULT_ADAPTER, type Policy } from "../nn/mod.ts";

/** Which adapters are saved, and with what. */
export interface SaveAdaptersOptions {
  readonly policy: Policy;
  /** Shape of every adapter. */
  readonly config: AdapterConfig;
  /** Writes what else belongs beside an adapter, given its folder and the policy that it is. */
  readonly extra?: (folder: string, own: Policy) => Promise<void>;
}

/**
 * Saves all adapters of a policy in `folder`, as PEFT saves several: the default one at the top, each other in a folder
 * of its name.
 */
export async function saveAdapters(
  folder: string,
  { policy, config, extra }: SaveAdaptersOptions,
): Promise<void> {
  await saveAdapter(folder, {
    config,
    tensors: await policy.weights(),
    extra: async (building) => {
      for (const name of ownAdapters(policy)) {
        const own = policy.of(name);
        await saveAdapter(join(building, name), {
          config,
          tensors: await own.weights(),
          extra: (folder) => extra?.(folder, own) ?? Promise.resolve(),
        });
      }
      await extra?.(building, policy);
    },
  });
}

/** The adapters that one agent has for its own. */
export function ownAdapters({ adapters }: Policy): readonly string[] {
  return adapters.filter((name) => name !== DEFAULT_ADAPTER);
}
