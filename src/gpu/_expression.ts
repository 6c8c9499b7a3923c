/** Binding strength of each binary operator, loosest first. */
const STRENGTH: Readonly<Record<string, number>> = {
  "||": 1,
  "&&": 2,
  "==": 3,
  "!=": 3,
  "<": 4,
  ">": 4,
  "<=": 4,
  ">=": 4,
  "+": 5,
  "-": 5,
  "*": 6,
  "/": 6,
  "%": 6,
};

/**
 * Value of an integer expression: `+ - * / %` (division rounds down), comparisons and `&& || !`
 * (1 or 0), parentheses, and names looked up in `scope`.
 *
 * @throws {SyntaxError} On anything else.
 */
export function evaluate(
  expression: string,
  scope: Readonly<Record<string, number | string>>,
): number {
  const tokens = expression.match(/\d+|\w+|[<>=!]=|&&|\|\||[-+*/%()<>!]|\S/g) ??
    [];
  let at = 0;

  function operand(): number {
    const token = tokens[at++];
    if (token === "(") {
      const value = binary(1);
      if (tokens[at++] !== ")") {
        throw new SyntaxError(`Missing ')' in '${expression}'`);
      }
      return value;
    }
    if (token === "-") return -operand();
    if (token === "!") return operand() === 0 ? 1 : 0;
    if (token !== undefined && /^\d+$/.test(token)) return Number(token);
    const value = token === undefined ? undefined : scope[token];
    if (typeof value !== "number") {
      throw new SyntaxError(
        `'${token ?? "nothing"}' is not a number in '${expression}'`,
      );
    }
    return value;
  }

  function binary(weakest: number): number {
    let left = operand();
    for (;;) {
      const operator = tokens[at] ?? "";
      const strength = STRENGTH[operator];
      if (strength === undefined || strength < weakest) return left;
      at++;
      left = apply(operator, left, binary(strength + 1));
    }
  }

  const value = binary(1);
  if (at < tokens.length) {
    throw new SyntaxError(`Unexpected '${tokens[at]}' in '${expression}'`);
  }
  return value;
}

function apply(operator: string, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return Math.floor(left / right);
    case "%":
      return left % right;
    case "==":
      return Number(left === right);
    case "!=":
      return Number(left !== right);
    case "<":
      return Number(left < right);
    case ">":
      return Number(left > right);
    case "<=":
      return Number(left <= right);
    case ">=":
      return Number(left >= right);
    case "&&":
      return Number(left !== 0 && right !== 0);
    default:
      return Number(left !== 0 || right !== 0);
  }
}
