import { ConfigError } from "../errors.ts";
import { parseYaml } from "./_yaml_file.ts";

/** A value given outside the YAML file; it wins over the file's. */
export interface Override {
  /** Dotted key, such as `train.steps`. */
  readonly key: string;
  readonly value: unknown;
  /** What the user typed, for the messages: `--set train.steps=3`. */
  readonly source: string;
}

/**
 * Reads a `--set` argument, `a.b=c`; the value is YAML: a number, a boolean, a string, `[a, b]`.
 *
 * @throws {ConfigError} Where it is not of that form.
 */
export function parseSet(argument: string): Override {
  const source = `--set ${argument}`;
  const [, key, text] = /^([a-z]\w*(?:\.[a-z]\w*)*)=(.*)$/s.exec(argument) ??
    [];
  if (key === undefined || text === undefined) {
    throw new ConfigError(
      `${source}: Expected a dotted key and a value, as in --set train.steps=20`,
    );
  }
  return flagOverride(key, text, source);
}

/**
 * The override that a flag such as `--steps 3` stands for.
 *
 * @throws {ConfigError} Where the text is not YAML.
 */
export function flagOverride(
  key: string,
  text: string,
  source: string,
): Override {
  const { value } = parseYaml(text, () => source);
  return { key, value, source };
}
