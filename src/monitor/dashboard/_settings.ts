import { parse } from "../../deps/yaml.ts";

/** The settings of a configuration by their dotted keys, as text; none where it is no map in YAML. */
export function settingsOf(config: string): Record<string, string> {
  const settings: Record<string, string> = {};
  const add = (value: unknown, key: string) => {
    if (isMap(value)) {
      for (const [name, inner] of Object.entries(value)) {
        add(inner, key === "" ? name : `${key}.${name}`);
      }
    } else if (key !== "") {
      settings[key] = typeof value === "string" ? value : JSON.stringify(value);
    }
  };
  try {
    add(parse(config), "");
  } catch {
    return {}; // a configuration that another program has changed
  }
  return settings;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    !Array.isArray(value) && Object.keys(value).length > 0;
}
