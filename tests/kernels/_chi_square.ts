/**
 * Pearson's statistic of counts against probabilities, as a share of the value that chance exceeds once in a thousand
 * times (Wilson and Hilferty's approximation): above 1, the counts did not come from there.
 */
export function chiSquareShare(
  counts: readonly number[],
  probabilities: readonly number[],
): number {
  const draws = counts.reduce((a, b) => a + b, 0);
  let statistic = 0;
  let freedom = -1;
  probabilities.forEach((p, i) => {
    if (p === 0) {
      if (counts[i]! > 0) statistic = Infinity;
      return;
    }
    statistic += (counts[i]! - p * draws) ** 2 / (p * draws);
    freedom++;
  });
  if (freedom === 0) return statistic;
  const spread = 2 / (9 * freedom);
  return statistic / (freedom * (1 - spread + 3.09 * Math.sqrt(spread)) ** 3);
}
