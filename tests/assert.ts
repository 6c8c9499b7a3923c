/** Assertions under the names of `@std/assert` (JSR only): the one seam a later switch would touch. */
import assert from "node:assert/strict";

/** Fails unless `actual` and `expected` are deeply equal. */
export function assertEquals<T>(
  actual: T,
  expected: T,
  message?: string,
): void {
  assert.deepStrictEqual(actual, expected, message);
}

/** Fails unless `condition` holds. */
export function assertTrue(
  condition: unknown,
  message?: string,
): asserts condition {
  assert.ok(condition, message);
}

/** Fails unless `actual` is within `tolerance` of `expected`. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance = 1e-6,
  message = "",
): void {
  if (!(Math.abs(actual - expected) <= tolerance)) {
    assert.fail(
      `${message} expected ${expected} ± ${tolerance}, got ${actual}`.trim(),
    );
  }
}

/** Fails unless `text` matches `pattern` (a substring or a regular expression). */
export function assertMatch(text: string, pattern: string | RegExp): void {
  const found = typeof pattern === "string"
    ? text.includes(pattern)
    : pattern.test(text);
  if (!found) {
    assert.fail(`expected ${JSON.stringify(text)} to match ${pattern}`);
  }
}

/** Fails unless `fn` throws an error of `type` whose message matches; returns the error. */
export function assertThrows<E extends Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any
  type: new (...args: any[]) => E,
  pattern?: string | RegExp,
): E {
  try {
    fn();
  } catch (error) {
    return checkError(error, type, pattern);
  }
  assert.fail(`expected ${type.name} to be thrown`);
}

/** Fails unless `fn` rejects with an error of `type` whose message matches; returns the error. */
export async function assertRejects<E extends Error>(
  fn: () => Promise<unknown>,
  // deno-lint-ignore no-explicit-any
  type: new (...args: any[]) => E,
  pattern?: string | RegExp,
): Promise<E> {
  try {
    await fn();
  } catch (error) {
    return checkError(error, type, pattern);
  }
  assert.fail(`expected a rejection with ${type.name}`);
}

function checkError<E extends Error>(
  error: unknown,
  // deno-lint-ignore no-explicit-any
  type: new (...args: any[]) => E,
  pattern?: string | RegExp,
): E {
  if (!(error instanceof type)) throw error;
  if (pattern !== undefined) assertMatch(error.message, pattern);
  return error;
}
