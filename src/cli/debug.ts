import type { Config } from "../config/mod.ts";
import { UserError } from "../errors.ts";
import { type Debugger, openDebugger } from "../launcher/mod.ts";
import {
  accountReport,
  type EpisodeAccount,
  groupReport,
} from "../monitor/debug/mod.ts";
import type { Inspector } from "../runner/mod.ts";
import { type Args, UsageError } from "./args.ts";
import { FileWatcher } from "./file_watcher.ts";
import { Interrupt, STOPPED } from "./interrupt.ts";
import { readConfig } from "./read_config.ts";
import { savedFiles, watchedFiles } from "./watched_files.ts";

const INSPECT_MODES = ["inspect", "inspect-wait", "inspect-brk"] as const;
const INSPECT_ADDRESS = "127.0.0.1:9229";

/** `astuner train --backbone=debug`: runs a few tasks and shows what came of them. */
export async function run(args: Args, config: Config): Promise<number> {
  const screen = new Screen(args.has("json"));
  using interrupt = new Interrupt("Stopping", (text) => screen.note(text));
  const { stop } = interrupt;
  const session = { args, screen, stop, inspector: inspectorOf(args, config) };
  try {
    return args.has("watch")
      ? await watch(config, session)
      : await runOnce(config, session);
  } catch (error) {
    if (stop.aborted) return STOPPED;
    throw error;
  }
}

interface DebugSession {
  readonly args: Args;
  readonly screen: Screen;
  readonly stop: AbortSignal;
  readonly inspector: Inspector | undefined;
}

/** @returns 1 where an episode failed. */
async function runOnce(config: Config, session: DebugSession): Promise<number> {
  const { screen, stop } = session;
  await using debug = await open(config, session);
  await round(debug, config, { ...session, signal: stop });
  return screen.failed > 0 ? 1 : 0;
}

/** Runs again at every save, until it is interrupted; the model stays where it is. */
async function watch(first: Config, session: DebugSession): Promise<number> {
  const { args, screen, stop } = session;
  const stopped = Promise.withResolvers<undefined>();
  stop.addEventListener("abort", () => stopped.resolve(undefined));
  using watcher = new FileWatcher();
  let config = first;
  let debug = await open(config, session);
  try {
    watcher.watch(await watchedFiles(config, args));
    while (!stop.aborted) {
      const saved = watcher.next();
      const again = new AbortController();
      saved.then(() => again.abort());
      const signal = AbortSignal.any([stop, again.signal]);
      await attempt(
        screen,
        signal,
        () => round(debug, config, { ...session, signal }),
      );
      // It may import other files by now.
      if (!signal.aborted) watcher.watch(await watchedFiles(config, args));
      if (!signal.aborted) screen.note("Waiting for a save; Ctrl-C ends");
      const files = await Promise.race([saved, stopped.promise]);
      if (files === undefined) break;
      screen.round(savedFiles(files));
      await attempt(screen, stop, async () => {
        const next = await readConfig(args);
        if (!debug.serves(next)) {
          await debug[Symbol.asyncDispose]();
          debug = await open(next, session);
        }
        config = next;
      });
    }
    return STOPPED;
  } finally {
    await debug[Symbol.asyncDispose]();
  }
}

/** Runs something whose failure by the user's fault is told, and may be mended by the next save. */
async function attempt(
  screen: Screen,
  signal: AbortSignal,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof UserError)) throw error;
    screen.problem(error.message);
  }
}

async function open(
  config: Config,
  { screen }: DebugSession,
): Promise<Debugger> {
  const { engine } = config;
  const where = engine.kind === "webgpu" ? "the embedded engine" : engine.url;
  const began = performance.now();
  const debug = await openDebugger(config, {
    view: {
      show: (event) => event.event === "note" && screen.note(event.text),
    },
  });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  screen.note(`${debug.model} on ${where}, opened in ${seconds}s`);
  return debug;
}

async function round(
  debug: Debugger,
  config: Config,
  { screen, inspector, signal }: DebugSession & {
    readonly signal: AbortSignal;
  },
): Promise<void> {
  if (inspector) screen.note(invitation(inspector));
  await debug.run(config, {
    onEpisode: (account) => screen.episode(account, config),
    inspector,
    signal,
  });
}

function invitation({ mode, address }: Inspector): string {
  const waits = mode === "inspect" ? "" : "; it waits for one";
  return `The workflow's process takes a debugger at ${address} (chrome://inspect, or attach VS Code)${waits}`;
}

function inspectorOf(args: Args, { workflow }: Config): Inspector | undefined {
  const mode = INSPECT_MODES.find((mode) => args.has(mode));
  if (mode === undefined) return undefined;
  if (workflow.path === null) {
    throw new UsageError(
      `--${mode} is for workflow.path: start a program or a service with its own debugger`,
    );
  }
  return { mode, address: args.text(mode) || INSPECT_ADDRESS };
}

/** Standard output: reports, or one JSON object an episode; notes then go to standard error. */
class Screen {
  failed = 0;
  readonly #json: boolean;
  readonly #color = !Deno.noColor && Deno.stdout.isTerminal();
  readonly #groups = new Map<string, EpisodeAccount[]>();
  #round = 1;

  constructor(json: boolean) {
    this.#json = json;
  }

  round(files: string): void {
    this.#round++;
    this.#groups.clear();
    const time = new Date().toTimeString().slice(0, 8);
    this.note(`\n── ${time}  ${files} saved, run ${this.#round} ──`);
  }

  note(text: string): void {
    if (this.#json) console.error(text);
    else console.log(this.#color ? `\x1b[2m${text}\x1b[0m` : text);
  }

  problem(text: string): void {
    if (this.#json) console.log(JSON.stringify({ event: "error", text }));
    else console.log(this.#color ? `\x1b[31m${text}\x1b[0m` : text);
  }

  episode(account: EpisodeAccount, { debug: { episodes } }: Config): void {
    if (account.error !== null) this.failed++;
    if (this.#json) {
      const head = { event: "episode", run: this.#round };
      console.log(JSON.stringify({ ...head, ...account }));
      return;
    }
    const options = { color: this.#color, columns: columns(), episodes };
    console.log(`\n${accountReport(account, options)}`);
    this.#group(account, episodes);
  }

  /** Sums a task up once its last episode has ended. */
  #group(account: EpisodeAccount, episodes: number): void {
    if (episodes === 1) return;
    const group = [...this.#groups.get(account.group) ?? [], account];
    this.#groups.set(account.group, group);
    if (group.length === episodes) this.note(`\n${groupReport(group)}`);
  }
}

function columns(): number {
  try {
    return Math.min(120, Deno.consoleSize().columns || 100);
  } catch {
    return 100; // standard output is no terminal
  }
}
