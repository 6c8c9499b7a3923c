import { resolve } from "node:path";
import { isHubId } from "../model/hub/mod.ts";
import type { Problem } from "./_problem.ts";
import type { SchemaNode } from "./_schema_node.ts";

/**
 * `value` with every path in it made absolute, relative ones being relative to `base` (URLs stay),
 * those that its sections leave to their defaults included, and every section without keys (`eval:` and nothing under it) made an empty one.
 */
export function absolutePaths(
  value: unknown,
  node: SchemaNode | undefined,
  base: string,
): unknown {
  if (value === null && node?.type === "object") return {};
  if (typeof value === "string") {
    return isRelative(value, node, base) ? resolve(base, value) : value;
  }
  if (Array.isArray(value)) {
    return value.map((item) => absolutePaths(item, node?.items, base));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries({ ...defaultPaths(node), ...value }).map(([key, child]) => [
      key,
      absolutePaths(child, node?.properties?.[key], base),
    ]),
  );
}

function defaultPaths(node: SchemaNode | undefined): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(node?.properties ?? {})
      .filter(([, { format, default: path }]) =>
        format === "path" && typeof path === "string"
      )
      .map(([key, { default: path }]) => [key, path]),
  );
}

/** A problem for each file or folder that must be there and is not. */
export function* missingPaths(
  value: unknown,
  node: SchemaNode | undefined,
  path: readonly string[] = [],
): Generator<Problem> {
  if (typeof value === "string") {
    const elsewhere = isUrl(value) ||
      (node?.format === "model" && isHubId(value));
    if (node?.mustExist && !elsewhere && !exists(value)) {
      yield { path, message: `leads nowhere: there is no ${value}` };
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, child] of Object.entries(value)) {
      yield* missingPaths(child, node?.properties?.[key], [...path, key]);
    }
  }
}

/** Whether a text is a path; of what could be a model's name on the Hub, only what is there. */
function isRelative(
  value: string,
  node: SchemaNode | undefined,
  base: string,
): boolean {
  if (node?.format === "path") return !isUrl(value);
  if (node?.format !== "model") return false;
  return !isHubId(value) || exists(resolve(base, value));
}

function isUrl(value: string): boolean {
  return /^https?:/.test(value);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
