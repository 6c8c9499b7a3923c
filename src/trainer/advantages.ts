/**
 * What a reward is compared with, and in which unit:
 *
 * - `group_std`: the group's mean, in the group's standard deviations (GRPO, arXiv 2402.03300);
 * - `group_mean`: the group's mean (Dr.GRPO, arXiv 2503.20783);
 * - `leave_one_out`: the mean of the group's other episodes (RLOO, arXiv 2402.14740);
 * - `batch`: the batch's mean, in the batch's standard deviations (REINFORCE++, arXiv 2501.03262);
 * - `group_mean_batch_std`: the group's mean, in the batch's standard deviations of that difference
 *   (REINFORCE++ with group baseline).
 */
export type AdvantageKind =
  | "group_std"
  | "group_mean"
  | "leave_one_out"
  | "batch"
  | "group_mean_batch_std";

/** Options of `advantages`. */
export interface AdvantagesOptions {
  /** What rewards are compared with. @default {"group_std"} */
  readonly advantage?: AdvantageKind;
  /** Standard deviation over `n` (population) or `n − 1` (sample). @default {"sample"} */
  readonly deviation?: "population" | "sample";
  /** Added to the standard deviation. @default {1e-4} */
  readonly advantageEpsilon?: number;
}

/** The advantages of one group. */
export interface GroupAdvantages {
  /** One for each reward; NaN where the reward is NaN. */
  readonly advantages: readonly number[];
  /** False where every advantage is exactly zero: the group has nothing to teach. */
  readonly signal: boolean;
}

/**
 * Turns the rewards of each group into advantages.
 *
 * NaN rewards (failed episodes) are left out of every mean and deviation. Equal rewards give
 * advantages of exactly zero, and so does a reward with nothing to compare it with.
 */
export function advantages(
  groups: readonly (readonly number[])[],
  options: AdvantagesOptions = {},
): readonly GroupAdvantages[] {
  const {
    advantage = "group_std",
    deviation = "sample",
    advantageEpsilon = 1e-4,
  } = options;
  const scale = (values: readonly number[]) =>
    standardDeviation(values, deviation) + advantageEpsilon;

  const compared = advantage === "batch"
    ? split(centre(groups.flat()), groups)
    : groups.map(centre);
  const unit = advantage === "batch" || advantage === "group_mean_batch_std"
    ? scale(compared.flat())
    : 1;
  return compared.map((group) => {
    const n = valid(group).length;
    const divisor = advantage === "group_std"
      ? scale(group)
      : advantage === "leave_one_out"
      ? (n - 1) / n // r − (S − r) / (n − 1) is (r − S / n) · n / (n − 1)
      : unit;
    const result = group.map((value) => value === 0 ? 0 : value / divisor);
    return {
      advantages: result,
      signal: valid(result).some((value) => value !== 0),
    };
  });
}

function valid(values: readonly number[]): number[] {
  return values.filter((value) => !Number.isNaN(value));
}

/** Differences from the mean; exactly zero where all values are equal, whatever the rounding. */
function centre(values: readonly number[]): number[] {
  const numbers = valid(values);
  const first = numbers[0];
  if (numbers.every((value) => value === first)) {
    return values.map((value) => Number.isNaN(value) ? NaN : 0);
  }
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  return values.map((value) => value - mean);
}

/** Standard deviation of centred values; 0 where there are too few. */
function standardDeviation(
  centred: readonly number[],
  deviation: "population" | "sample",
): number {
  const numbers = valid(centred);
  const n = deviation === "sample" ? numbers.length - 1 : numbers.length;
  if (n < 1) return 0;
  return Math.sqrt(numbers.reduce((sum, value) => sum + value ** 2, 0) / n);
}

function split(
  flat: readonly number[],
  groups: readonly (readonly number[])[],
): number[][] {
  let from = 0;
  return groups.map((group) => flat.slice(from, from += group.length));
}
