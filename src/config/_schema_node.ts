import { z } from "../deps/zod.ts";

/** The part of JSON Schema (2020-12) that this room reads back from its own schema. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly format?: string;
  /** Own annotation: the path must lead to something that is there. */
  readonly mustExist?: boolean;
  /** Own annotation: a file to start from shows the example in place of the default. */
  readonly starter?: boolean;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly prefixItems?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
}

/** What a user may write, as JSON Schema; "or null" is looked through. */
export function schemaNode(schema: z.ZodType): SchemaNode {
  return withoutNull(z.toJSONSchema(schema, { io: "input" }) as SchemaNode);
}

/** The node at `path`; undefined where the schema knows no such key. */
export function nodeAt(
  root: SchemaNode,
  path: readonly PropertyKey[],
): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>(
    (node, key) =>
      typeof key === "number"
        ? node?.items ?? node?.prefixItems?.[key]
        : node?.properties?.[String(key)],
    root,
  );
}

/** Every key of the schema with its node; sections as well as the values in them. */
export function* schemaKeys(
  node: SchemaNode,
  prefix: readonly string[] = [],
): Generator<readonly [path: readonly string[], node: SchemaNode]> {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const path = [...prefix, key];
    yield [path, child];
    yield* schemaKeys(child, path);
  }
}

function withoutNull(node: SchemaNode): SchemaNode {
  const { anyOf = [], ...rest } = node;
  const value = anyOf.find((option) => option.type !== "null");
  const { properties, ...flat } = { ...value, ...rest };
  if (properties === undefined) return flat;
  return {
    ...flat,
    properties: Object.fromEntries(
      Object.entries(properties).map((
        [key, child],
      ) => [key, withoutNull(child)]),
    ),
  };
}
