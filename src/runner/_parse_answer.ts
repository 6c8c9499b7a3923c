/** A reward that Python's JSON writes, and no other reads. */
const ENDLESS = /"reward"\s*:\s*(NaN|-?Infinity)\b/;

/**
 * A workflow's answer: JSON, or such as Python writes where the reward is no number; that is then said rather than that
 * it is no JSON.
 *
 * @throws {SyntaxError} If it is neither.
 */
export function parseAnswer(text: string): unknown {
  const number = /^\s*(NaN|-?Infinity)\s*$/.exec(text);
  if (number) return Number(number[1]);
  try {
    return JSON.parse(text);
  } catch (error) {
    const endless = /^\s*\{/.test(text) ? ENDLESS.exec(text) : null;
    if (endless === null) throw error;
    return { reward: Number(endless[1]) };
  }
}
