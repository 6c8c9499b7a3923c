import { Fields } from "./_fields.ts";
import type { JsonObject } from "./_files.ts";
import { Pattern } from "./_pattern.ts";
import { PatternError } from "./_pattern_steps.ts";

/** Tells of a module's path, such as `model.layers.0.mlp.up_proj`, whether the adapter stands over it. */
export type IsAdapted = (module: string) => boolean;

/**
 * What an `adapter_config.json` says is adapted, by PEFT's rules (`check_target_module_exists`): `target_modules` without
 * `exclude_modules`, in the layers of `layers_to_transform`.
 *
 * @param source What error messages call the file.
 * @throws {ModelError} Naming the file and the field that cannot be understood.
 */
export function adaptedModules(json: JsonObject, source: string): IsAdapted {
  const fields = new Fields(json, `${source}:`);
  if (json.target_modules === "all-linear") {
    if (fields.has("exclude_modules")) {
      fields.refuse("exclude_modules", "is not supported beside all-linear");
    }
    return () => true;
  }
  const targets = moduleNames(fields, json, "target_modules");
  if (targets === undefined) {
    return fields.refuse("target_modules", "is missing");
  }
  const excluded = moduleNames(fields, json, "exclude_modules");
  const layers = layerIndices(fields, json);
  const patterns = layerPatterns(fields, json);
  return (module) => {
    if (excluded?.matches(module) || !targets.matches(module)) return false;
    // PEFT lets a regular expression, or a whole path, speak for itself.
    if (layers === undefined || targets.names(module)) return true;
    const at = patterns.map((pattern) => pattern.exec(module)?.[1])
      .find((index) => index !== undefined);
    return at !== undefined && layers.includes(Number(at));
  };
}

interface ModuleNames {
  /** Whether the module is meant. */
  readonly matches: (module: string) => boolean;
  /** Whether it is so by its whole path. */
  readonly names: (module: string) => boolean;
}

/** Modules by the ends of their paths, or by a regular expression for whole paths. */
function moduleNames(
  fields: Fields,
  json: JsonObject,
  name: string,
): ModuleNames | undefined {
  const value = json[name];
  if (typeof value === "string") {
    const pattern = wholePattern(fields, name, value);
    const matches = (module: string) => pattern.matches(module);
    return { matches, names: matches };
  }
  const ends = fields.texts(name);
  return ends && {
    matches: (module) =>
      ends.some((end) => module === end || module.endsWith(`.${end}`)),
    names: (module) => ends.includes(module),
  };
}

function wholePattern(fields: Fields, name: string, pattern: string): Pattern {
  try {
    return new Pattern(pattern);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return fields.refuse(
      name,
      `is a pattern that is not supported: it ${error.message}`,
    );
  }
}

function layerIndices(
  fields: Fields,
  json: JsonObject,
): readonly number[] | undefined {
  const name = "layers_to_transform";
  if (!fields.has(name)) return undefined;
  const value = json[name];
  const indices: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!indices.every((index) => Number.isInteger(index))) {
    fields.refuse(name, "must be a layer's index or a list of them");
  }
  // PEFT takes an empty list for none.
  return indices.length === 0 ? undefined : indices as readonly number[];
}

/** What finds a layer's index in a module's path. */
function layerPatterns(fields: Fields, json: JsonObject): readonly RegExp[] {
  const name = "layers_pattern";
  const value = json[name];
  const names = typeof value === "string" ? [value] : fields.texts(name) ?? [];
  if (names.every((pattern) => pattern === "")) {
    return [/^.*?\.[^.]*\.(\d+)\./];
  }
  if (!names.every((pattern) => /^\w+$/.test(pattern))) {
    fields.refuse(name, "is a pattern that is not supported");
  }
  return names.map((pattern) =>
    new RegExp(`^(?:.*?\\.)?${pattern}\\.(\\d+)\\.`)
  );
}
