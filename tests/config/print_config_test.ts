import {
  configJsonSchema,
  configYaml,
  defaultsYaml,
  loadConfig,
} from "../../src/config/mod.ts";
import { parseDocument } from "../../src/deps/yaml.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { runFolder, TestFolder } from "./_files.ts";

/** The part of JSON Schema that these tests walk. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
}

function* keys(
  schema: Schema,
  prefix = "",
): Generator<[string, Schema, boolean]> {
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const required = schema.required?.includes(key) ?? false;
    yield [prefix + key, child, required];
    yield* keys(child, `${prefix}${key}.`);
  }
}

Deno.test("configJsonSchema() describes every key, and has a default unless it is required", () => {
  const all = [...keys(configJsonSchema() as Schema)];
  assertTrue(all.length > 60);
  for (const [key, { description, ...schema }, required] of all) {
    assertTrue(description, `${key} has no description`);
    assertTrue(required || "default" in schema, `${key} has no default`);
  }
});

Deno.test("defaultsYaml() is a config that loads, with the schema's own defaults", async () => {
  using folder = new TestFolder({
    "run.yaml": defaultsYaml(),
    "model/": "",
    "workflow.ts": "",
    "train.jsonl": "",
  });
  using bare = runFolder();
  const printed = await loadConfig({ file: `${folder.path}/run.yaml` });
  const implied = await loadConfig({ file: `${bare.path}/run.yaml` });
  assertEquals(
    JSON.parse(JSON.stringify(printed).replaceAll(folder.path, "")),
    JSON.parse(JSON.stringify(implied).replaceAll(bare.path, "")),
  );
});

Deno.test("defaultsYaml() explains each key above it, in lines of at most 80 letters", () => {
  const text = defaultsYaml();
  assertTrue(text.split("\n").every((line) => line.length <= 80));
  assertMatch(text, "  # Training steps.\n  steps: 100\n");
});

Deno.test("configYaml() is read back as the same config", async () => {
  using folder = runFolder("train: { learning_rate: 1e-3 }\nname: '1'");
  const config = await loadConfig({ file: `${folder.path}/run.yaml` });
  const file = folder.write("run/config.yaml", configYaml(config));
  assertEquals(await loadConfig({ file }), config);
});

Deno.test("defaultsYaml() holds every key of the schema", () => {
  const value = parseDocument(defaultsYaml()).toJS();
  for (const [key] of keys(configJsonSchema() as Schema)) {
    const found = key.split(".").reduce((at, part) => at?.[part], value);
    assertTrue(found !== undefined, `${key} is left out`);
  }
});
