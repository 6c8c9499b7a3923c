import { type Look, parsePattern, type Step } from "./_pattern_steps.ts";

/**
 * A regular expression in Python's words that is compared with whole texts, as `re.fullmatch` does.
 *
 * All ways through the pattern are followed at once (K. Thompson, CACM 11(6), 1968), so that no pattern takes longer than
 * its length times the text's, and that for each of its lookaheads; one that tries them in turn can take for ever, and
 * the patterns come with adapters from anywhere.
 */
export class Pattern {
  readonly #steps: readonly Step[];

  /** @throws {PatternError} If it is no regular expression, or one with parts that are not supported. */
  constructor(source: string) {
    this.#steps = parsePattern(source);
  }

  /** Whether all of `text` matches. */
  matches(text: string): boolean {
    return new Matching(this.#steps, text).from(0, 0, "end");
  }
}

/** One comparison of a pattern with a text. */
class Matching {
  readonly #steps: readonly Step[];
  readonly #text: string;
  /** What each lookahead has found at each place. */
  readonly #seen = new Map<Look, boolean[]>();

  constructor(steps: readonly Step[], text: string) {
    this.#steps = steps;
    this.#text = text;
  }

  /** Whether the text from `at` on matches the steps from `first` on: up to its end, or up to anywhere. */
  from(first: number, at: number, until: "end" | "anywhere"): boolean {
    let current = this.#reach([first], at);
    for (let place = at;; place++) {
      const ended = current.some((step) => this.#steps[step]!.kind === "match");
      const last = place === this.#text.length;
      if (ended && (last || until === "anywhere")) return true;
      if (last || current.length === 0) return false;
      const character = this.#text[place]!;
      const next = current.filter((step) => {
        const reads = this.#steps[step]!;
        return reads.kind === "character" && reads.is(character);
      });
      current = this.#reach(next.map((step) => step + 1), place + 1);
    }
  }

  /** The steps that read, or end, which are reached from `starts` without reading. */
  #reach(starts: readonly number[], at: number): number[] {
    const reached = new Set<number>();
    const open = [...starts];
    const reading: number[] = [];
    for (let here = open.pop(); here !== undefined; here = open.pop()) {
      if (reached.has(here)) continue;
      reached.add(here);
      const step = this.#steps[here]!;
      switch (step.kind) {
        case "character":
        case "match":
          reading.push(here);
          break;
        case "split":
          open.push(...step.to);
          break;
        case "edge":
          if (step.holds(this.#text, at)) open.push(here + 1);
          break;
        case "look":
          if (this.#look(step, here, at) !== step.negative) open.push(step.to);
          break;
        default:
          step satisfies never;
      }
    }
    return reading;
  }

  #look(look: Look, here: number, at: number): boolean {
    const seen = this.#seen.get(look) ?? [];
    this.#seen.set(look, seen);
    return seen[at] ??= this.from(here + 1, at, "anywhere");
  }
}
