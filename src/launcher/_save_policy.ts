import { saveAdapters } from "../backbone/mod.ts";
import {
  type AdapterConfig,
  type FloatType,
  saveModelFolder,
} from "../model/mod.ts";
import { explainWrite } from "../monitor/mod.ts";
import type { Policy } from "../nn/mod.ts";

/** What of a policy is saved. */
export interface SavePolicyOptions {
  readonly policy: Policy;
  /** Shape of the adapter that was trained; absent where the weights themselves were. */
  readonly adapter?: AdapterConfig | undefined;
  /** Model folder whose configuration and tokenizer are carried over. */
  readonly model: string;
  /** Number format of whole weights. @default "F32" */
  readonly dtype?: FloatType;
}

/** Saves what was trained in `folder`: adapters in PEFT's layout, or a whole model in Hugging Face's. */
export async function savePolicy(
  folder: string,
  { policy, adapter, model, dtype = "F32" }: SavePolicyOptions,
): Promise<void> {
  await explainWrite(
    folder,
    async () =>
      adapter
        ? await saveAdapters(folder, { policy, config: adapter })
        : await saveModelFolder(folder, {
          source: model,
          tensors: await policy.weights(),
          dtype,
        }),
  );
}
