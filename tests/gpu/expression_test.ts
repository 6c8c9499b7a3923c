import { evaluate } from "../../src/gpu/_expression.ts";
import { assertEquals, assertThrows } from "../assert.ts";

const SCOPE = { S: 8, TM: 32, K: 60, NAME: "vec4f", ZERO: 0 };

Deno.test("evaluate() computes integer expressions with the usual precedence", () => {
  const cases: Readonly<Record<string, number>> = {
    "7": 7,
    "2 + 3 * 4": 14,
    "(2 + 3) * 4": 20,
    "20 - 5 - 3": 12,
    "100 / 7 / 2": 7,
    "17 % 5 * 2": 4,
    "(TM + 4 * S - 1) / (4 * S)": 1,
    "K / 4 + S % 3": 17,
    "-3 + 5": 2,
    "2 * -3": -6,
    "-7 / 2": -4,
    "TM>S": 1,
    "TM <= S": 0,
    "S == 8 && K != 61": 1,
    "ZERO || K < 3": 0,
    "1 + 1 == 2": 1,
    "!ZERO": 1,
    "!K || S >= 8 && ZERO": 0,
  };
  for (const [expression, value] of Object.entries(cases)) {
    assertEquals(evaluate(expression, SCOPE), value, expression);
  }
});

Deno.test("evaluate() refuses whatever is no integer expression", () => {
  const cases: Readonly<Record<string, string>> = {
    "": "'nothing' is not a number",
    "1 +": "'nothing' is not a number",
    "(1 + 2": "Missing ')'",
    "1 2": "Unexpected '2'",
    "1.5": "Unexpected '.'",
    "NAME": "'NAME' is not a number",
    "MISSING * 2": "'MISSING' is not a number",
    "constructor": "'constructor' is not a number",
    "S = 3": "Unexpected '='",
    "1 @ 2": "Unexpected '@'",
  };
  for (const [expression, message] of Object.entries(cases)) {
    assertThrows(() => evaluate(expression, SCOPE), SyntaxError, message);
  }
});
