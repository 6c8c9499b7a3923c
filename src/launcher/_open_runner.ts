import type { Config } from "../config/mod.ts";
import type { View } from "../monitor/mod.ts";
import {
  type EpisodeRunner,
  HttpRunner,
  OpenRunner,
  ProcessRunner,
  Runner,
  type RunnerOptions,
} from "../runner/mod.ts";

/** Variable that holds the key of the session API, for agents that know it beforehand. */
const OPEN_KEY = "ASTUNER_OPEN_KEY";

/** A runner that somebody has to close. */
type OwnedRunner = EpisodeRunner & AsyncDisposable;

/**
 * Opens what runs the episodes of `config`: the fence for TypeScript, or what carries an agent of
 * other make, with the judge alone in the fence.
 *
 * @param options Address under which agents reach the gateway, who is told of a new key, and what
 *   the fence has of its own.
 * @throws {UserError} If the user's code cannot be used.
 */
export async function openRunner(
  config: Config,
  options: {
    readonly address: string;
    readonly view: Pick<View, "show">;
    readonly fence?: Pick<
      RunnerOptions,
      "cached" | "inspector" | "processes" | "signal"
    >;
  },
): Promise<OwnedRunner> {
  const { workflow: { path, command, url, cwd, processes, allow }, judge } =
    config;
  const judged = judge.path ?? judge.name;
  const fence: RunnerOptions = {
    gateway: new URL(options.address).host,
    allow,
    processes: config.rollout.workers,
    ...options.fence,
    ...(judged !== null && { judge: judged }),
  };
  if (path !== null) return await Runner.open({ ...fence, workflow: path });
  const alone = judged !== null && { judge: await Runner.open(fence) };
  if (command !== null) {
    const program = { command, cwd, env: allow.env, atOnce: processes };
    return new ProcessRunner({ ...program, ...alone });
  }
  if (url !== null) return new HttpRunner({ url, ...alone });
  return new OpenRunner({ key: openKey(options), ...alone });
}

function openKey(
  { address, view }: {
    readonly address: string;
    readonly view: Pick<View, "show">;
  },
): string {
  const known = Deno.env.get(OPEN_KEY);
  const key = known ??
    `sk-open-${crypto.getRandomValues(new Uint8Array(20)).toHex()}`;
  const shown = known === undefined ? `key ${key}` : `the key of ${OPEN_KEY}`;
  const text = `Agents take part at ${address}/v1/episodes with ${shown}`;
  view.show({ event: "note", text });
  return key;
}
