import type { Config } from "../config/mod.ts";
import type { Tokenizer } from "../model/mod.ts";
import type { View } from "../monitor/mod.ts";
import type { Task } from "../reader/mod.ts";
import { type Group, rollout, type RolloutOptions } from "../rollout/mod.ts";
import { OpenRunner } from "../runner/mod.ts";
import { Gateway } from "../tuner/mod.ts";
import { type OpenModel, openModel } from "./_open_model.ts";
import { openRunner } from "./_open_runner.ts";
import { samplingOf } from "./_sampling.ts";

/** An agent that can be run: its model, the gateway before it, and the processes of its workflow. */
export interface Agent extends Omit<OpenModel, "chat" | "shape"> {
  /** What its tokens stand for. */
  readonly tokenizer: Tokenizer;
  /** Runs a group of episodes for each task, within the bounds that the config sets. */
  play(tasks: readonly Task[], options: PlayOptions): Promise<Group[]>;
}

/** What a batch of episodes has of its own. */
export type PlayOptions = Pick<
  RolloutOptions,
  | "seed"
  | "step"
  | "name"
  | "groupSize"
  | "force"
  | "refill"
  | "onProgress"
  | "signal"
>;

/** What an agent is opened for. */
export interface OpenAgentOptions {
  /** Whether the model's weights will be updated. */
  readonly trained: boolean;
  /** Is told how far the opening has come. */
  readonly view: View;
  /** Gives the opening up. @default {signal} */
  readonly opening?: AbortSignal | undefined;
  /** Ends all waiting for servers, then and later. */
  readonly signal?: AbortSignal | undefined;
}

/** Between two words about a server that is slow to come up. */
const NOTE_SECONDS = 15;

/**
 * Opens everything that it takes to run the agent of `config`.
 *
 * @throws {UserError} If the model, the GPU, or the user's code cannot be used.
 */
export async function openAgent(
  config: Config,
  { trained, view, opening: end, signal }: OpenAgentOptions,
): Promise<Agent> {
  await using opening = new AsyncDisposableStack();
  view.show({ event: "progress", stage: "open", done: 0, total: 0, unit: "" });
  const { chat, ...model } = opening.use(
    await openModel(config, {
      trained,
      opening: end,
      acted: true,
      signal,
      onWait: (seconds) => {
        if (seconds % NOTE_SECONDS !== 0) return;
        const text = `Waiting for vLLM to answer, for ${seconds} s`;
        view.show({ event: "note", text });
      },
      onNote: (text) => view.show({ event: "note", text }),
      onMemory: (memory) => view.show({ event: "memory", ...memory }),
    }),
  );
  const { host, port, public_url } = config.gateway;
  let sessions: OpenRunner | undefined;
  const gateway = opening.use(
    await Gateway.start({
      engine: model.engine,
      model: chat,
      adapted: model.agents,
      host,
      port,
      ...(public_url !== null && { publicUrl: public_url }),
      fallback: async (request) => await sessions?.handle(request),
    }),
  );
  const address = public_url ?? gateway.url;
  const runner = opening.use(await openRunner(config, { address, view }));
  if (runner instanceof OpenRunner) sessions = runner;
  const open = opening.move();
  return {
    ...model,
    tokenizer: chat.tokenizer,
    play: (tasks, options) =>
      rollout(tasks, {
        host: gateway,
        runner,
        concurrency: config.rollout.concurrency,
        sampling: samplingOf(config),
        deadlineSeconds: config.rollout.deadline,
        idleSeconds: config.rollout.idle,
        retries: config.rollout.retries,
        failureBudget: config.rollout.failure_budget,
        ...options,
      }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
