/** A pattern that is no regular expression, or has parts that are not supported. */
export class PatternError extends Error {
  /** Tells the class in messages and logs. */
  override name = "PatternError";
}

/** What is looked for ahead, without reading it: the steps after this one, up to their own `match`. */
export interface Look {
  readonly kind: "look";
  /** Whether it must not be there. */
  readonly negative: boolean;
  /** Where it goes on. */
  readonly to: number;
}

/** One step of a pattern; it goes on with the next one, unless it says where. */
export type Step =
  | { readonly kind: "character"; readonly is: (character: string) => boolean }
  | { readonly kind: "split"; readonly to: readonly number[] }
  | {
    readonly kind: "edge";
    readonly holds: (text: string, at: number) => boolean;
  }
  | Look
  | { readonly kind: "match" };

/** Most steps of a pattern, its repetitions written out; those that Unsloth writes have some hundreds. */
const MOST_STEPS = 5000;

/** Groups within groups. */
const DEEPEST = 100;

/**
 * The steps of a regular expression in Python's words, without what looks back: `\1`, `(?<=…)`, nor flags.
 *
 * @throws {PatternError} If it is none.
 */
export function parsePattern(source: string): readonly Step[] {
  return new Parser(source).parse();
}

type Emit = () => void;

class Parser {
  readonly #source: string;
  readonly #steps: Step[] = [];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): readonly Step[] {
    const whole = this.#alternatives();
    if (this.#at < this.#source.length) throw this.#error("a ) too many");
    whole();
    this.#push({ kind: "match" });
    return this.#steps;
  }

  /** `a|b|c`; what is returned writes the steps. */
  #alternatives(): Emit {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    return options.reduceRight((rest, option) => () =>
      this.#either(option, rest)
    );
  }

  #either(option: Emit, rest: Emit): void {
    const fork = this.#push({ kind: "split", to: [] });
    option();
    const leap = this.#push({ kind: "split", to: [] });
    this.#steps[fork] = { kind: "split", to: [fork + 1, leap + 1] };
    rest();
    this.#steps[leap] = { kind: "split", to: [this.#steps.length] };
  }

  #sequence(): Emit {
    const parts: Emit[] = [];
    while (this.#at < this.#source.length && !/[|)]/.test(this.#next())) {
      parts.push(this.#repeated());
    }
    if (parts.length === 0) return () => this.#skip();
    return () => parts.forEach((part) => part());
  }

  #repeated(): Emit {
    const part = this.#part();
    const bounds = this.#bounds();
    if (bounds === undefined) return part;
    // Whether it reads much or little does not change what matches as a whole.
    this.#take("?");
    if (/^[*+?]/.test(this.#rest()) || this.#bounds() !== undefined) {
      throw this.#error("a repetition of a repetition");
    }
    const [least, most] = bounds;
    return () => {
      if (most === 0) return this.#skip();
      for (let count = 0; count < least; count++) part();
      if (most === Infinity) return this.#anyNumber(part);
      for (let count = least; count < most; count++) {
        this.#either(part, () => this.#skip());
      }
    };
  }

  /** Reads nothing; a step all the same, so that what is repeated is never free. */
  #skip(): void {
    this.#push({ kind: "split", to: [this.#steps.length + 1] });
  }

  #anyNumber(part: Emit): void {
    const fork = this.#push({ kind: "split", to: [] });
    part();
    this.#push({ kind: "split", to: [fork] });
    this.#steps[fork] = { kind: "split", to: [fork + 1, this.#steps.length] };
  }

  #bounds(): readonly [number, number] | undefined {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    const counted = /^\{(?:(\d+)(,?)(\d*)|,(\d*))\}/.exec(this.#rest());
    if (counted === null) return undefined;
    this.#at += counted[0].length;
    const [, least, comma, most, upTo] = counted;
    if (upTo !== undefined) return [0, upTo === "" ? Infinity : Number(upTo)];
    const highest = most ? Number(most) : comma ? Infinity : Number(least);
    if (highest < Number(least)) throw this.#error("an empty range");
    return [Number(least), highest];
  }

  #part(): Emit {
    const character = this.#read();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return this.#reads(this.#set());
      case ".":
        return this.#reads((character) => character !== "\n");
      case "^":
        return this.#edge((_, at) => at === 0);
      case "$":
        return this.#edge(isAtEnd);
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw this.#error("a repetition of nothing");
      default:
        return this.#reads((other) => other === character);
    }
  }

  #group(): Emit {
    if (++this.#depth > DEEPEST) throw this.#error("too many groups in groups");
    const kind = /^\?(?::|=|!|P<[A-Za-z_]\w*>)/.exec(this.#rest())?.[0] ?? "";
    this.#at += kind.length;
    if (this.#next() === "?") {
      throw this.#error(`(${this.#rest().slice(0, 3)}`);
    }
    const inside = this.#alternatives();
    if (!this.#take(")")) throw this.#error("a ( without its )");
    this.#depth--;
    if (kind !== "?=" && kind !== "?!") return inside;
    return () => {
      const look = this.#push({ kind: "split", to: [] });
      inside();
      this.#push({ kind: "match" });
      const to = this.#steps.length;
      this.#steps[look] = { kind: "look", negative: kind === "?!", to };
    };
  }

  #escape(): Emit {
    const letter = this.#next();
    const edge = EDGES[letter];
    if (edge === undefined) return this.#reads(this.#escaped());
    this.#at++;
    return this.#edge(edge);
  }

  /** What a character class, or an escaped character, takes. */
  #escaped(): (character: string) => boolean {
    const letter = this.#read();
    const known = CLASSES[letter];
    if (known !== undefined) return (character) => known.test(character);
    const control = CONTROLS[letter] ?? letter;
    if (control === letter && /[A-Za-z0-9]/.test(letter)) {
      throw this.#error(`\\${letter}`);
    }
    return (character) => character === control;
  }

  /** What stands between brackets. */
  #set(): (character: string) => boolean {
    const negative = this.#take("^");
    const parts: ((character: string) => boolean)[] = [];
    // A ] that comes first stands for itself.
    for (let first = true; first || this.#next() !== "]"; first = false) {
      parts.push(this.#setPart());
    }
    this.#at++;
    return (character) => parts.some((is) => is(character)) !== negative;
  }

  /** A character, a class, or a range of characters. */
  #setPart(): (character: string) => boolean {
    const from = this.#read();
    const is = from === "\\"
      ? this.#escaped()
      : (character: string) => character === from;
    const to = /^-([^\]])/.exec(this.#rest())?.[1];
    if (to === undefined) return is;
    this.#at += 2;
    if (from === "\\" || to === "\\") throw this.#error("a range of a \\");
    if (to < from) throw this.#error("an empty range");
    return (character) => from <= character && character <= to;
  }

  #reads(is: (character: string) => boolean): Emit {
    return () => void this.#push({ kind: "character", is });
  }

  #edge(holds: (text: string, at: number) => boolean): Emit {
    return () => void this.#push({ kind: "edge", holds });
  }

  /** @returns Where the step stands. */
  #push(step: Step): number {
    if (this.#steps.length === MOST_STEPS) throw this.#error("too many parts");
    return this.#steps.push(step) - 1;
  }

  #rest(): string {
    return this.#source.slice(this.#at);
  }

  #next(): string {
    return this.#source[this.#at] ?? "";
  }

  #take(character: string): boolean {
    if (this.#next() !== character) return false;
    this.#at++;
    return true;
  }

  #read(): string {
    const character = this.#next();
    if (character === "") throw this.#error("no end");
    this.#at++;
    return character;
  }

  #error(what: string): PatternError {
    return new PatternError(`has ${what} at character ${this.#at}`);
  }
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  d: /\d/,
  D: /\D/,
  s: /\s/,
  S: /\S/,
  w: /\w/,
  W: /\W/,
};

const CONTROLS: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
};

type Edge = (text: string, at: number) => boolean;

const EDGES: Readonly<Record<string, Edge>> = {
  A: (_, at) => at === 0,
  Z: (text, at) => at === text.length,
  b: isWordEdge,
  B: (text, at) => !isWordEdge(text, at),
};

/** `$` holds before a line's end that is the last character too. */
function isAtEnd(text: string, at: number): boolean {
  return at === text.length || at === text.length - 1 && text[at] === "\n";
}

function isWordEdge(text: string, at: number): boolean {
  const [before, after] = [text[at - 1] ?? "", text[at] ?? ""];
  return /\w/.test(before) !== /\w/.test(after);
}
