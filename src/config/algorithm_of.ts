import { type Algorithm, algorithm } from "../trainer/mod.ts";
import type { AlgorithmConfig } from "./sections/algorithm.ts";

/** The trainer's algorithm that a config names, with the keys that are not null in place of its own. */
export function algorithmOf(config: AlgorithmConfig): Algorithm {
  return algorithm(config.name, {
    ...given("advantage", config.advantage),
    ...given("deviation", config.deviation),
    ...given("advantageEpsilon", config.advantage_epsilon),
    ...given("normalisation", config.normalisation),
    ...given("constantLength", config.constant_length),
    ...given("surrogate", config.surrogate),
    ...given("ratio", config.ratio),
    ...given("clipLow", config.clip_low),
    ...given("clipHigh", config.clip_high),
    ...given("dualClip", config.dual_clip),
    ...given("kl", config.kl),
    ...given("klCoefficient", config.kl_coefficient),
    ...given("entropyBonus", config.entropy_bonus),
    ...given("importance", config.importance),
    ...given("importanceCap", config.importance_cap),
    ...given("importanceFloor", config.importance_floor),
    ...given("sequenceMask", config.sequence_mask),
    ...given("sequenceMaskLow", config.sequence_mask_low),
    ...given("sequenceMaskHigh", config.sequence_mask_high),
  });
}

function given<K extends keyof Algorithm>(
  option: K,
  value: Algorithm[K] | null,
): Pick<Algorithm, K> | Record<never, never> {
  return value === null ? {} : { [option]: value };
}
