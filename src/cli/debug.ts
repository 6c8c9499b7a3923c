import { type Config, engineUrls } from "../config/mod.ts";
import { UserError } from "../errors.ts";
import { type Debugger, openDebugger } from "../launcher/mod.ts";
import type { Inspector } from "../runner/mod.ts";
import { type Args, UsageError } from "./args.ts";
import { DebugScreen } from "./debug_screen.ts";
import { FileWatcher } from "./file_watcher.ts";
import { Interrupt, STOPPED } from "./interrupt.ts";
import { readConfig } from "./read_config.ts";
import { savedFiles, watchedFiles } from "./watched_files.ts";

const INSPECT_MODES = ["inspect", "inspect-wait", "inspect-brk"] as const;
const INSPECT_ADDRESS = "127.0.0.1:9229";

/** `astuner train --backbone=debug`: runs a few tasks and shows what came of them. */
export async function run(args: Args, config: Config): Promise<number> {
  using screen = new DebugScreen(args.has("json"));
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
  readonly screen: DebugScreen;
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
  watcher.watch(await watchedFiles(first, args));
  let saved = watcher.next();
  let debug: Debugger | undefined = await open(first, session);
  let config: Config | undefined = first;
  try {
    while (!stop.aborted) {
      const again = new AbortController();
      saved.then(() => again.abort());
      const signal = AbortSignal.any([stop, again.signal]);
      if (debug && config) {
        await attemptRound(debug, config, { ...session, signal });
        // It may import other files by now.
        if (!signal.aborted) watcher.watch(await watchedFiles(config, args));
      }
      if (!signal.aborted) screen.note("Waiting for a save; Ctrl-C ends");
      const files = await Promise.race([saved, stopped.promise]);
      if (files === undefined) break;
      saved = watcher.next();
      screen.round(savedFiles(files));
      config = await attempt(screen, stop, () => readConfig(args));
      if (config === undefined || debug?.serves(config)) continue;
      await debug?.[Symbol.asyncDispose]();
      const next = config;
      debug = undefined;
      debug = await attempt(screen, stop, () => open(next, session));
    }
    return STOPPED;
  } finally {
    await debug?.[Symbol.asyncDispose]();
  }
}

async function attemptRound(
  debug: Debugger,
  config: Config,
  session: DebugSession & { readonly signal: AbortSignal },
): Promise<void> {
  const { screen, signal } = session;
  await attempt(screen, signal, () => round(debug, config, session));
}

/**
 * Runs something whose failure by the user's fault is told, and may be mended by the next save.
 *
 * @returns What it returns; undefined where it failed, or `signal` was aborted.
 */
async function attempt<T>(
  screen: DebugScreen,
  signal: AbortSignal,
  action: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof UserError)) throw error;
    screen.problem(error.message);
  }
}

async function open(
  config: Config,
  { screen, stop }: DebugSession,
): Promise<Debugger> {
  const { engine } = config;
  const where = engine.kind === "webgpu"
    ? "the embedded engine"
    : engineUrls(config).join(", ");
  const began = performance.now();
  const debug = await openDebugger(config, {
    view: {
      show: (event) => event.event === "note" && screen.note(event.text),
    },
    signal: stop,
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
    onEpisode: (account) => screen.episode(account, config.debug.episodes),
    onProgress: (done, total) => screen.progress(done, total),
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
