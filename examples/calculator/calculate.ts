/**
 * The calculator behind the agent's tool: the value of `a+b`, `a-b` or `a*b` over whole numbers,
 * `undefined` for any other expression.
 */
export function calculate(expression: string): number | undefined {
  const match = /^(\d+)([-+*])(\d+)$/.exec(expression);
  if (!match) return undefined;
  const [a, b] = [Number(match[1]), Number(match[3])];
  switch (match[2]) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    default:
      return a * b;
  }
}
