import { UserError } from "../errors.ts";
import { bootstrapUrl, entryModule } from "./_entry_module.ts";
import type { CodeLocation } from "./_locate_code.ts";
import type { Inspector } from "./inspector.ts";
import type { Stage } from "./stage.ts";
import type { Allowance } from "./types.ts";

/** What a fenced process is to run, and what it may reach. */
export interface FenceSpec {
  readonly code: CodeLocation;
  /** `host:port` of the gateway. */
  readonly gateway: string;
  readonly allow: Allowance;
  /** Bound of the JavaScript heap, in MiB. */
  readonly memoryMiB: number;
  readonly beatSeconds: number;
  /** Lets a debugger in; absent where none may. */
  readonly inspector?: Inspector;
  /** Command that leads to `stage()`; absent where there is a `deno` to run. */
  readonly stage?: readonly string[];
}

/** A command line that starts a fenced process. */
export interface FenceCommand {
  readonly executable: string;
  readonly args: readonly string[];
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Opens each protocol line on its standard output. */
  readonly marker: string;
  /** Whether it may stand still when this process dies, so that it would not notice. */
  readonly guarded: boolean;
}

/** Hosts that Deno imports from unasked; naming one more would drop them. */
const IMPORT_HOSTS = [
  "deno.land:443",
  "jsr.io:443",
  "esm.sh:443",
  "raw.esm.sh:443",
  "cdn.jsdelivr.net:443",
  "raw.githubusercontent.com:443",
  "gist.githubusercontent.com:443",
];

/** Environment that Deno itself needs, to find its cache; user code does not see it. */
const DENO_ENV = [
  "DENO_DIR",
  "HOME",
  "PATH",
  "XDG_CACHE_HOME",
  "USERPROFILE",
  "LOCALAPPDATA",
  "SystemRoot",
];

/** The command line for `spec`; each has a marker of its own. */
export function fenceCommand(spec: FenceSpec): FenceCommand {
  const marker = `${crypto.randomUUID()} `;
  const { code, stage, inspector } = spec;
  const cwd = code.folders[0];
  const guarded = inspector !== undefined;
  const common = { marker, guarded, ...(cwd !== undefined && { cwd }) };
  return stage === undefined
    ? { ...common, ...processCommand(spec, marker) }
    : { ...common, ...stageCommand(spec, stage, marker) };
}

function processCommand(
  spec: FenceSpec,
  marker: string,
): Pick<FenceCommand, "executable" | "args" | "env"> {
  const { code, gateway, allow, memoryMiB, beatSeconds, inspector } = spec;
  const env = allow.env ?? [];
  return {
    executable: Deno.execPath(),
    args: [
      "run",
      "--no-prompt",
      "--quiet",
      // What the workflow imports was cached beforehand; nothing else may be fetched as code.
      "--cached-only",
      ...inspectorFlag(inspector),
      ...moduleFlags(code),
      ...listFlag("--allow-net", [gateway, ...allow.net ?? []]),
      ...listFlag("--allow-read", [...code.folders, ...allow.read ?? []]),
      ...listFlag("--allow-env", env),
      // Packages probe the environment as they load: the rest reads as unset rather than refused.
      "--ignore-env",
      `--v8-flags=--max-old-space-size=${memoryMiB}`,
      entryModule(code, "process", {
        marker,
        beatSeconds,
        breaks: inspector?.mode === "inspect-brk",
      }),
    ],
    env: { ...pick([...DENO_ENV, ...env]), NO_COLOR: "1" },
  };
}

/** Deno's own `--inspect-brk` would break before any user code, in the module that loads it. */
function inspectorFlag(inspector: Inspector | undefined): string[] {
  if (inspector === undefined) return [];
  const { mode, address } = inspector;
  return [`--${mode === "inspect-brk" ? "inspect-wait" : mode}=${address}`];
}

function stageCommand(
  spec: FenceSpec,
  command: readonly string[],
  marker: string,
): Pick<FenceCommand, "executable" | "args" | "env"> {
  const { code, gateway, allow, beatSeconds } = spec;
  const stage: Stage = {
    marker,
    entry: entryModule(code, "worker", { marker, beatSeconds }),
    net: [gateway, ...allow.net ?? []],
    read: [...code.folders, ...allow.read ?? []],
  };
  const [executable, ...args] = command;
  return {
    executable: executable!,
    args: [...args, JSON.stringify(stage)],
    // A Worker cannot ignore variables one by one, so the process gets no others.
    env: { ...pick(allow.env ?? []), NO_COLOR: "1" },
  };
}

/** Flags that decide how modules are found, the same for caching and for running them. */
export function moduleFlags(code: CodeLocation): string[] {
  const remote = [code.workflow, code.judge, new URL(bootstrapUrl("process"))]
    .filter((url) => url instanceof URL)
    .filter(({ protocol }) => protocol.startsWith("http"))
    .map(({ host }) => host);
  return [
    "--no-lock",
    code.config === undefined ? "--no-config" : `--config=${code.config}`,
    ...(remote.length > 0
      ? listFlag("--allow-import", [...new Set(remote), ...IMPORT_HOSTS])
      : []),
  ];
}

function listFlag(name: string, values: readonly string[]): string[] {
  const odd = values.find((value) => value.includes(","));
  if (odd !== undefined) {
    throw new UserError(
      `The fence cannot allow "${odd}": Deno takes no commas there. Rename it`,
    );
  }
  return values.length === 0 ? [] : [`${name}=${values.join(",")}`];
}

function pick(names: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of names) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  return env;
}
