import { didYouMean } from "../did_you_mean.ts";
import type { z } from "../deps/zod.ts";
import { nodeAt, schemaKeys, type SchemaNode } from "./_schema_node.ts";

/** One thing wrong with a config. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  /** What is wrong with the value at `path`, and what to do. */
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** What the schema's refusal `issue` says to a user; `value` is the whole config. */
export function* explainIssue(
  issue: Issue,
  root: SchemaNode,
  value: unknown,
): Generator<Problem> {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) {
      yield { path: [...path, key], message: unknownKey(path, key, root) };
    }
    return;
  }
  const given = valueAt(value, path);
  if (given === undefined) {
    const node = nodeAt(root, path);
    for (const missing of node?.required ?? [undefined]) {
      const at = missing === undefined ? path : [...path, missing];
      const what = nodeAt(root, at)?.description ?? "";
      yield { path: at, message: `is missing. ${what}`.trim() };
    }
    return;
  }
  yield {
    path,
    message: `${expectation(issue)}, got ${show(given)}${near(issue, given)}`,
  };
}

function unknownKey(
  path: readonly PropertyKey[],
  key: string,
  root: SchemaNode,
): string {
  const siblings = Object.keys(nodeAt(root, path)?.properties ?? {});
  const suggestion = didYouMean(key, siblings);
  if (suggestion) return `is not a known key${suggestion}`;
  const elsewhere = [...schemaKeys(root)].find(([at]) => at.at(-1) === key);
  if (elsewhere) {
    return `is not a known key; did you mean "${elsewhere[0].join(".")}"?`;
  }
  return `is not a known key; known here: ${siblings.join(", ")}`;
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case "too_small":
      return `must be ${
        bound(issue, issue.inclusive ? "at least" : "more than", issue.minimum)
      }`;
    case "too_big":
      return `must be ${
        bound(issue, issue.inclusive ? "at most" : "less than", issue.maximum)
      }`;
    case "invalid_value":
      return `must be ${
        issue.values.map(String).join(", ").replace(/, ([^,]*)$/, " or $1")
      }`;
    case "invalid_format":
      return `must match ${issue.pattern ?? issue.format}`;
    default:
      return issue.message;
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a section of keys",
};

function bound(
  issue: { readonly origin: string },
  relation: string,
  limit: number | bigint,
): string {
  if (issue.origin === "string") {
    return limit === 1 ? "not empty" : `${relation} ${limit} letters`;
  }
  if (issue.origin === "array") return `a list of ${relation} ${limit}`;
  return `${relation} ${limit}`;
}

function near(issue: Issue, given: unknown): string {
  if (issue.code !== "invalid_value" || typeof given !== "string") return "";
  return didYouMean(given, issue.values.map(String));
}

function show(value: unknown): string {
  const text = typeof value === "number"
    ? String(value)
    : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
}
