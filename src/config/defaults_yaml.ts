import { type SchemaNode, schemaNode } from "./_schema_node.ts";
import { configSchema } from "./schema.ts";

const WIDTH = 80;

/** Every key with its default, as YAML that explains itself; required keys hold an example. */
export function defaultsYaml(): string {
  return [...sectionLines(schemaNode(configSchema), "")].slice(1).join("\n") +
    "\n";
}

function* sectionLines(section: SchemaNode, indent: string): Generator<string> {
  for (const [key, node] of Object.entries(section.properties ?? {})) {
    if (indent === "" || node.properties) yield "";
    const required = section.required?.includes(key) ?? false;
    yield* commentLines(node, required, indent);
    if (node.properties) {
      yield `${indent}${key}:`;
      yield* sectionLines(node, `${indent}  `);
    } else {
      const value = required || node.starter
        ? node.examples?.[0]
        : node.default;
      yield `${indent}${key}: ${JSON.stringify(value)}`;
    }
  }
}

function* commentLines(
  node: SchemaNode,
  required: boolean,
  indent: string,
): Generator<string> {
  const words = (node.description ?? "").split(" ");
  if (node.enum) {
    words.push("One", "of:", ...`${node.enum.join(", ")}.`.split(" "));
  }
  if (required && !node.properties) words.push("Required.");
  let line = `${indent}#`;
  for (const word of words) {
    if (line.length + 1 + word.length > WIDTH) {
      yield line;
      line = `${indent}#`;
    }
    line += ` ${word}`;
  }
  yield line;
}
