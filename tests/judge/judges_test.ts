import { assertEquals, assertThrows } from "../assert.ts";
import {
  BUILT_IN_JUDGES,
  contains,
  exactMatch,
  numberMatch,
} from "../../src/judge/mod.ts";
import type { Task } from "../../src/reader/mod.ts";
import type { JudgeFunction } from "../../src/judge/mod.ts";

function judge(by: JudgeFunction, expected: unknown, given?: unknown): unknown {
  const task: Task = {
    id: "t",
    query: "",
    metadata: { answer: expected },
    split: "train",
  };
  return by(task, given === undefined ? {} : { metadata: { answer: given } });
}

Deno.test("exactMatch() compares text, spaces around it aside", () => {
  assertEquals(judge(exactMatch, "Paris", " Paris\n"), 1);
  assertEquals(judge(exactMatch, 5, "5"), 1);
  assertEquals(judge(exactMatch, "Paris", "paris"), 0);
  assertEquals(judge(exactMatch, "Paris"), 0);
});

Deno.test("contains() finds the expected answer anywhere, in any case", () => {
  assertEquals(judge(contains, "Paris", "It is PARIS, of course"), 1);
  assertEquals(judge(contains, "Paris", "It is Rome"), 0);
  assertEquals(judge(contains, "Paris"), 0);
});

Deno.test("numberMatch() compares the last numbers", () => {
  const equal: [unknown, unknown][] = [
    [1250, "She pays $1,250.00"],
    ["#### 18", "9 + 9 = 18"],
    [-0.5, "x = -.5"],
    [0, "0.0"],
    [1e-3, "about 1e-3"],
    [1 / 3, "0.33333333"],
    [7, 7],
    [1234567, "1,234,567"],
  ];
  for (const [expected, given] of equal) {
    assertEquals(judge(numberMatch, expected, given), 1, `${given}`);
  }
  const different: [unknown, unknown][] = [
    [18, "18 - 1 = 17"],
    [0, "0.0001"],
    [5, "five"],
    [5, undefined],
    [12, "1,2"],
  ];
  for (const [expected, given] of different) {
    assertEquals(judge(numberMatch, expected, given), 0, `${given}`);
  }
});

Deno.test("judges refuse a task that expects nothing", () => {
  for (const by of Object.values(BUILT_IN_JUDGES)) {
    assertThrows(() => judge(by, undefined, "5"), TypeError, "no expected");
  }
  assertThrows(() => judge(numberMatch, "five", "5"), TypeError, "no number");
});
