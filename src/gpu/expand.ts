import { evaluate } from "./_expression.ts";

/** Values of a kernel's compile-time parameters: integers, or text such as a type's name. */
export type KernelParameters = Readonly<Record<string, number | string>>;

/**
 * Unrolls a kernel: WGSL in, WGSL out.
 *
 * Register tiles need straight-line code with literal indices (`subgroupBroadcast` accepts only a
 * constant lane), which WGSL cannot say in a loop. So a kernel file is WGSL plus three directives, each
 * a comment line of its own, and two substitutions:
 *
 * ```wgsl
 * //! for i in 0..TM      repeat up to the matching end, with i = 0, 1, …, TM − 1
 * //! if BIAS             keep up to the matching else or end where the expression is not 0
 * //! else
 * //! end
 * var c$i = A[$(i * 4 + 1)];   $name and $(expression) become their values
 * ```
 *
 * Expressions are integer arithmetic over the parameters and the loop variables.
 *
 * @throws {SyntaxError} On an unknown name or an unbalanced directive; it names the line.
 */
export function expand(source: string, parameters: KernelParameters): string {
  const lines = source.split("\n");
  const out: string[] = [];
  const scope: Record<string, number | string> = { ...parameters };
  const stopped = block(lines, 0, scope, out);
  if (stopped < lines.length) {
    throw new SyntaxError(`Unexpected directive at line ${stopped + 1}`);
  }
  return out.join("\n");
}

/** Expands lines from `start` up to an `else`, an `end` or the last line; returns where it stopped. */
function block(
  lines: readonly string[],
  start: number,
  scope: Record<string, number | string>,
  out: string[] | null,
): number {
  for (let at = start; at < lines.length; at++) {
    const line = lines[at]!;
    const directive = /^\s*\/\/!\s*(\w+)\s*(.*)$/.exec(line);
    if (!directive) {
      out?.push(substitute(line, scope, at));
    } else if (directive[1] === "for") {
      at = loop(lines, at, directive[2]!, scope, out);
    } else if (directive[1] === "if") {
      at = branch(lines, at, directive[2]!, scope, out);
    } else {
      return at;
    }
  }
  return lines.length;
}

function loop(
  lines: readonly string[],
  at: number,
  head: string,
  scope: Record<string, number | string>,
  out: string[] | null,
): number {
  const parts = /^(\w+) in (.+)\.\.(.+)$/.exec(head);
  if (!parts) {
    throw new SyntaxError(`Malformed loop at line ${at + 1}: ${head}`);
  }
  const name = parts[1]!;
  let end = -1;
  if (out) {
    const from = integer(parts[2]!, scope, at);
    const to = integer(parts[3]!, scope, at);
    const outer = scope[name];
    for (let value = from; value < to; value++) {
      scope[name] = value;
      end = block(lines, at + 1, scope, out);
    }
    if (outer === undefined) delete scope[name];
    else scope[name] = outer;
  }
  if (end < 0) end = block(lines, at + 1, scope, null);
  return expectEnd(lines, end, at);
}

function branch(
  lines: readonly string[],
  at: number,
  condition: string,
  scope: Record<string, number | string>,
  out: string[] | null,
): number {
  const taken = out !== null && integer(condition, scope, at) !== 0;
  let end = block(lines, at + 1, scope, taken ? out : null);
  if (/^\s*\/\/!\s*else\b/.test(lines[end] ?? "")) {
    end = block(lines, end + 1, scope, taken ? null : out);
  }
  return expectEnd(lines, end, at);
}

function expectEnd(
  lines: readonly string[],
  at: number,
  opened: number,
): number {
  if (/^\s*\/\/!\s*end\b/.test(lines[at] ?? "")) return at;
  throw new SyntaxError(`The directive at line ${opened + 1} has no end`);
}

function substitute(
  line: string,
  scope: Readonly<Record<string, number | string>>,
  at: number,
): string {
  if (!line.includes("$")) return line;
  return line.replace(
    /\$(?:(\w+)|(\((?:[^()]|\([^()]*\))*\)))?/g,
    (text, name, expression) => {
      if (text === "$") {
        throw new SyntaxError(
          `No name or expression follows '$' at line ${
            at + 1
          } (parentheses nest twice at most)`,
        );
      }
      if (expression !== undefined) {
        return String(
          integer(expression, scope, at),
        );
      }
      const value = scope[name];
      if (value === undefined) {
        throw new SyntaxError(
          `Unknown name '${name}' at line ${at + 1}`,
        );
      }
      return String(value);
    },
  );
}

function integer(
  expression: string,
  scope: Readonly<Record<string, number | string>>,
  at: number,
): number {
  try {
    return evaluate(expression, scope);
  } catch (error) {
    throw new SyntaxError(`${(error as Error).message} at line ${at + 1}`, {
      cause: error,
    });
  }
}
