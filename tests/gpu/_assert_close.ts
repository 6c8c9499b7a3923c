import assert from "node:assert/strict";

/** Options of {@linkcode assertClose}. */
export interface AssertCloseOptions {
  /** Largest difference, relative to the largest expected magnitude. @default 2e-6 */
  readonly tolerance?: number;
  /** What is compared. */
  readonly name?: string;
}

/** Fails unless all numbers agree, to a share of the largest of them. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { tolerance = 2e-6, name = "value" }: AssertCloseOptions = {},
): void {
  assert.equal(actual.length, expected.length, `length of ${name}`);
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(actual[i]! - expected[i]!) <= tolerance * scale)) {
      assert.fail(
        `${name}[${i}]: expected ${expected[i]} ± ${tolerance * scale}, got ${
          actual[i]
        }`,
      );
    }
  }
}
