import { dirname } from "node:path";
import type { z } from "../deps/zod.ts";
import { ConfigError } from "../errors.ts";
import { impossibleCombinations } from "./_combinations.ts";
import { explainIssue, type Problem } from "./_problem.ts";
import { absolutePaths, missingPaths } from "./_paths.ts";
import { nodeAt, schemaNode } from "./_schema_node.ts";
import { parseYamlFile, type YamlFile } from "./_yaml_file.ts";
import { type Override, parseSet } from "./override.ts";
import {
  type Config,
  configSchema,
  type ServeConfig,
  serveSchema,
} from "./schema.ts";

/** Where a config comes from. */
export interface LoadConfigOptions {
  /** YAML file; without one, everything comes from the defaults and what follows. */
  readonly file?: string;
  /** `--set` arguments, `a.b=c`; a later one wins over an earlier one and over the file. */
  readonly set?: readonly string[];
  /** Values of other flags; they win over everything. */
  readonly overrides?: readonly Override[];
}

/**
 * The config of a run: the YAML file, what the flags change in it, and every default.
 *
 * Paths in the file are relative to the file, paths in flags to the current folder; the result's
 * are absolute. It is deeply frozen.
 *
 * @throws {ConfigError} With a line for each mistake: where it stands, and what to do about it.
 */
export function loadConfig(options: LoadConfigOptions): Promise<Config> {
  return load(configSchema, options);
}

/**
 * The config of a command that runs no workflow: `workflow` and `tasks` may be left out.
 *
 * @throws {ConfigError} As `loadConfig` does.
 */
export function loadServeConfig(
  options: LoadConfigOptions,
): Promise<ServeConfig> {
  return load(serveSchema, options);
}

async function load<T extends ServeConfig>(
  schema: z.ZodType<T>,
  { file, set = [], overrides = [] }: LoadConfigOptions,
): Promise<T> {
  const root = schemaNode(schema);
  const yaml = file === undefined ? undefined : await readYamlFile(file);
  const changes = [...set.map(parseSet), ...overrides];

  let value = absolutePaths(yaml?.value ?? {}, root, dirname(file ?? "."));
  for (const change of changes) {
    const path = change.key.split(".");
    const to = absolutePaths(change.value, nodeAt(root, path), ".");
    value = assign(value, path, to);
  }

  const parsed = schema.safeParse(value);
  const problems = parsed.success
    ? [
      ...impossibleCombinations(parsed.data),
      ...missingPaths(parsed.data, root),
    ]
    : parsed.error.issues.flatMap((issue) => [
      ...explainIssue(issue, root, value),
    ]);
  if (!parsed.success || problems.length > 0) {
    throw configError(problems, changes, yaml);
  }
  return deepFreeze(parsed.data);
}

async function readYamlFile(file: string): Promise<YamlFile> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound
      ? "There is no such file"
      : `The file cannot be read: ${(cause as Error).message}`;
    throw new ConfigError(`${file}: ${why}`, { cause });
  }
  return parseYamlFile(text, file);
}

/** `value` with the key at `path` set to `to`; what stands in the way of the path is replaced. */
function assign(value: unknown, path: readonly string[], to: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  const map = isMap(value) ? value : {};
  return { ...map, [key]: assign(map[key], rest, to) };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function configError(
  problems: readonly Problem[],
  changes: readonly Override[],
  yaml: YamlFile | undefined,
): ConfigError {
  const lines = problems.map(({ path, message }) => {
    const key = path.join(".");
    const change = changes.findLast((change) =>
      `${key}.`.startsWith(`${change.key}.`)
    );
    const where = change?.source ?? yaml?.locate(path);
    const prefix = where === undefined ? "" : `${where}: `;
    return `${prefix}${key || "The file"} ${message}`;
  });
  const inOrder = new Intl.Collator("en", { numeric: true }).compare;
  return new ConfigError(lines.sort(inOrder).join("\n"));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
