import { stringify } from "../deps/yaml.ts";
import type { ServeConfig } from "./schema.ts";

/** A resolved config as YAML, from which `loadConfig` reads the same config back. */
export function configYaml(config: ServeConfig): string {
  return stringify(config);
}
