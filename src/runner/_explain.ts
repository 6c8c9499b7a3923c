import type { Allowance } from "./types.ts";

const REFUSAL =
  /Requires (\w+) access to (?:"([^"]*)"|(\S+)), (?:run again with|specify the required permissions)[^\n;]*/g;

/** Kinds of access that the YAML can allow. */
const ALLOWABLE: readonly string[] = ["net", "read", "env"];

/**
 * An episode's error message with the way out added: the YAML line that would allow what the fence
 * refused, or would pass a variable that the message names and this program has.
 */
export function explain(message: string, allow: Allowance): string {
  const plain = message.replaceAll(
    REFUSAL,
    (_, kind: string, quoted?: string, bare?: string) =>
      refusal(kind, quoted ?? bare ?? "everything"),
  );
  const hints = [...new Set(message.match(/\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b/g))]
    .filter((name) => !allow.env?.includes(name) && Deno.env.has(name))
    .map((name) =>
      `\n    ${name} is set here but does not pass the fence. To pass it, add to the YAML:` +
      `  workflow.allow.env: ["${name}"]`
    );
  return plain + hints.join("");
}

function refusal(kind: string, what: string): string {
  const refused = `the fence refuses ${kind} access to "${what}"`;
  return ALLOWABLE.includes(kind)
    ? `${refused}. To allow it, add to the YAML:  workflow.allow.${kind}: ["${what}"]`
    : `${refused}, and never allows ${kind} access`;
}
