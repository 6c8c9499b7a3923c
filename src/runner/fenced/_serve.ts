import type { EpisodeStage } from "../../errors.ts";
import type { FenceOptions, FromFence, ToFence } from "../_protocol.ts";
import type { EpisodeOutcome } from "../types.ts";
import { containErrors } from "./_contain_errors.ts";
import { createTuner } from "./_create_tuner.ts";
import { describeError } from "./_describe_error.ts";
import { play, type UserCode } from "./_play.ts";
import { type LoadedCode, resolveCode } from "./_resolve_code.ts";
import { type EpisodeScope, scope } from "./_scope.ts";
import { UsageError } from "./_usage_error.ts";

/** Characters of an episode's output that are kept. */
const MAX_LOG = 64 * 1024;

/** Characters of JSON that an episode may leave. */
const MAX_OUTCOME = 16 * 2 ** 20;

/** How the fenced side talks to the program. */
export interface Channel {
  send(message: FromFence): void;
  /** Ends when the program closes its end or dies. */
  readonly received: AsyncIterable<ToFence>;
}

/** Runs the episodes that the program asks for, until it hangs up. */
export async function serve(
  code: LoadedCode,
  channel: Channel,
  options: FenceOptions,
): Promise<void> {
  let user: UserCode;
  try {
    user = resolveCode(code);
  } catch (error) {
    const message = describeError(error, []);
    channel.send({ kind: "unusable", message });
    return;
  }
  containErrors();
  const episodes = new Map<number, FencedEpisode>();
  const beat = setInterval(() => {
    channel.send({ kind: "beat", rss: Deno.memoryUsage().rss });
  }, options.beatSeconds * 1000);
  channel.send({ kind: "ready" });
  for await (const message of channel.received) {
    if (message.kind === "cancel") {
      episodes.get(message.id)?.cancel(message.reason);
    } else {
      const episode = new FencedEpisode(message.id, channel, options.folders);
      episodes.set(message.id, episode);
      episode.run(user, message).then(() => episodes.delete(message.id));
    }
  }
  clearInterval(beat);
}

/** One episode inside the fence: it reports once, and says when its code has returned. */
class FencedEpisode implements EpisodeScope {
  readonly #id: number;
  readonly #channel: Channel;
  readonly #folders: readonly string[];
  readonly #cancelled = new AbortController();
  #stage: EpisodeStage = "workflow";
  #printed = 0;
  #reported = false;

  constructor(id: number, channel: Channel, folders: readonly string[]) {
    this.#id = id;
    this.#channel = channel;
    this.#folders = folders;
  }

  async run(
    user: UserCode,
    { task, endpoint, output }: ToFence & { kind: "run" },
  ): Promise<void> {
    const tuner = createTuner(endpoint, this.#cancelled.signal);
    const onJudge = () => this.#stage = "judge";
    try {
      this.#finish(
        await scope.run(
          this,
          () => play(user, { task, tuner, output, onJudge }),
        ),
      );
    } catch (error) {
      this.fail(error);
    }
    this.#channel.send({ kind: "settled", id: this.#id });
  }

  cancel(reason: string): void {
    this.#reported = true;
    this.#cancelled.abort(new DOMException(reason, "AbortError"));
  }

  print(text: string): void {
    if (this.#printed > MAX_LOG) return;
    const room = MAX_LOG - this.#printed;
    this.#printed += text.length;
    this.#channel.send({
      kind: "print",
      id: this.#id,
      text: text.length <= room
        ? text
        : `${text.slice(0, room)}\n… further output was dropped\n`,
    });
  }

  fail(error: unknown): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#channel.send({
      kind: "failed",
      id: this.#id,
      stage: this.#stage,
      message: describeError(error, this.#folders),
    });
    this.#cancelled.abort(error);
  }

  #finish(outcome: EpisodeOutcome): void {
    if (this.#reported) return;
    const size = jsonSize(outcome);
    if (size > MAX_OUTCOME) {
      throw new UsageError(
        `The returned metadata takes ${size} characters as JSON: at most ${MAX_OUTCOME} are kept`,
      );
    }
    this.#channel.send({ kind: "finished", id: this.#id, outcome });
    this.#reported = true;
  }
}

function jsonSize(outcome: EpisodeOutcome): number {
  try {
    return JSON.stringify(outcome).length;
  } catch (cause) {
    throw new UsageError("The returned metadata is not JSON", { cause });
  }
}
