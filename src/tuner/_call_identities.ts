import { digest } from "./_token_hash.ts";

/** Names and seeds of an episode's calls. */
export class CallIdentities {
  readonly #seed: number;
  /** How often each agent has sent each prompt. */
  readonly #counts = new Map<string, number>();

  /** @param seed The episode's seed. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /**
   * Id of an agent's next call with a prompt.
   *
   * It follows from the episode's seed, the agent, the prompt and how often the agent has sent that
   * prompt before, so that nothing sampled depends on which of two parallel calls comes first.
   *
   * @param prompt Identity of the prompt's tokens (`TokenHash.key`).
   */
  next(agent: string, prompt: string): string {
    const key = `${prompt} ${agent}`;
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    return digest(this.#seed, agent, prompt, count);
  }
}

/** Seed of a call's reply number `choice`, 32 bits. */
export function replySeed(id: string, choice: number): number {
  return parseInt(digest(id, "seed", choice).slice(0, 8), 16);
}

/** Id of tool call number `index` in a call's reply number `choice`. */
export function toolCallId(
  id: string,
  choice: number,
  index: number,
): string {
  return `call_${digest(id, "tool", choice, index).slice(0, 24)}`;
}
