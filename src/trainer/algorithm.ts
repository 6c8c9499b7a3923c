import type { BuildBatchOptions } from "../tracker/mod.ts";
import type { AdvantagesOptions } from "./advantages.ts";
import type { PolicyLossOptions } from "./policy_loss.ts";

/** A policy-gradient algorithm: how rewards become advantages, and advantages a loss. */
export interface Algorithm
  extends
    AdvantagesOptions,
    PolicyLossOptions,
    Pick<BuildBatchOptions, "normalisation" | "constantLength"> {}

/** Algorithms known by name. */
export type AlgorithmName =
  | "grpo"
  | "drgrpo"
  | "dapo"
  | "rloo"
  | "reinforce++"
  | "gspo"
  | "cispo";

/** Each algorithm as what it changes of the defaults, which are GRPO's. */
const PRESETS: Readonly<Record<AlgorithmName, Algorithm>> = {
  // arXiv 2402.03300, without its KL term.
  "grpo": {},
  // arXiv 2503.20783: no division by lengths or deviations.
  "drgrpo": { advantage: "group_mean", normalisation: "constant" },
  // arXiv 2503.14476; rollout drops and refills the groups without spread.
  "dapo": { normalisation: "token", clipHigh: 0.28 },
  // arXiv 2402.14740: the whole episode is one action.
  "rloo": { advantage: "leave_one_out", ratio: "product" },
  // arXiv 2501.03262.
  "reinforce++": { advantage: "batch", normalisation: "token" },
  // arXiv 2507.18071, with its clipping range.
  "gspo": { ratio: "geometric_mean", clipLow: 3e-4, clipHigh: 4e-4 },
  // arXiv 2506.13585; the upper bound of 5 is that of arXiv 2510.13786.
  "cispo": { surrogate: "cispo", clipHigh: 4, normalisation: "token" },
};

/** The algorithm of that name, with parts of it replaced. */
export function algorithm(
  name: AlgorithmName,
  changes: Algorithm = {},
): Algorithm {
  return { ...PRESETS[name], ...changes };
}
