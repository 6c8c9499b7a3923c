import {
  type DecodedRow,
  type Decoder,
  type DecodeRow,
  type DecoderSize,
  MAX_STOP_TOKENS,
  type PrefillRow,
} from "../../src/nn/decoder.ts";
import {
  type AdapterName,
  DEFAULT_ADAPTER,
} from "../../src/nn/parameter_sets.ts";
import type { ScheduledRequest } from "../../src/nn/scheduler.ts";

/** Mixes a number into a running hash. */
function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193) >>> 0;
}

/** What a text begins with under an adapter. */
function rootOf(adapter: AdapterName = DEFAULT_ADAPTER): number {
  return [...adapter ?? ""].reduce(
    (hash, letter) => mix(hash, letter.charCodeAt(0)),
    1,
  );
}

/** The next token after a text, as this decoder has it: any function of text and seed does. */
function nextToken(text: number, seed: number): number {
  return mix(mix(text, seed), 77) % 50;
}

/** What a request must come to, whatever is decoded beside it. */
export function simulatedAnswer(
  request: ScheduledRequest,
  maxContext: number,
): { readonly tokens: number[]; readonly finishReason: "stop" | "length" } {
  const tokens: number[] = [];
  let text = request.tokens.reduce(mix, rootOf(request.adapter));
  const most = Math.min(
    request.maxTokens,
    maxContext - request.tokens.length,
  );
  while (tokens.length < most) {
    const token = nextToken(text, request.seed);
    tokens.push(token);
    text = mix(text, token);
    if (request.stopTokens.includes(token)) {
      return { tokens, finishReason: "stop" };
    }
  }
  return { tokens, finishReason: "length" };
}

/**
 * A decoder without a GPU, whose cache slots hold a hash of the text that they stand for: a slot that is shared,
 * evicted or overwritten wrongly changes what is sampled.
 */
export class SimulatedDecoder {
  readonly vocabSize = 50;
  readonly #slots = new Map<number, number>();
  readonly #owners = new Map<number, AdapterName>();
  readonly #pages = new Map<number, Uint32Array>();
  /** Rows of each submission so far. */
  readonly submissions: number[] = [];
  /** Prompt tokens computed so far. */
  prefilled = 0;
  /** The adapter of each submission so far. */
  readonly adapters: AdapterName[] = [];
  #bound: AdapterName = DEFAULT_ADAPTER;
  /** Called before each submission. */
  onSubmission: () => void = () => {};

  constructor(readonly size: DecoderSize) {}

  /** As the class that it stands for. */
  get decoder(): Decoder {
    return this as unknown as Decoder;
  }

  /** Computes under an adapter from now on. */
  bind(adapter: AdapterName): void {
    this.#bound = adapter;
  }

  setPage(page: number, slots: Uint32Array): void {
    this.#pages.set(page, slots);
  }

  prefill(rows: readonly PrefillRow[]): void {
    this.prefilled += rows.length;
    for (const row of rows) this.#compute(row);
  }

  decode(
    rows: readonly DecodeRow[],
    steps: number,
  ): Promise<readonly DecodedRow[]> {
    this.onSubmission();
    this.submissions.push(rows.length);
    this.adapters.push(this.#bound);
    if (rows.length > this.size.maxBatch) throw new Error("Too many rows");
    if (steps > this.size.stepsPerSubmission) throw new Error("Too many steps");
    if (new Set(rows.map(({ page }) => page)).size < rows.length) {
      throw new Error("Two rows share a page");
    }
    return Promise.resolve(rows.map((row) => this.#decodeRow(row, steps)));
  }

  #decodeRow(row: DecodeRow, steps: number): DecodedRow {
    if (row.stopTokens.length > MAX_STOP_TOKENS) throw new Error("Stop tokens");
    const tokens: number[] = [];
    let { token, position } = row;
    let done = false;
    while (tokens.length < steps && !done) {
      const text = this.#compute({ ...row, token, position });
      token = nextToken(text, row.seed);
      position++;
      tokens.push(token);
      done = position >= row.lastPosition || row.stopTokens.includes(token);
    }
    return { tokens, logprobs: tokens.map((id) => -id), done };
  }

  /** Puts a token into its slot, after what stands in the slot before it. */
  #compute({ token, position, page }: PrefillRow): number {
    const slots = this.#pages.get(page)!;
    const before = position === 0
      ? rootOf(this.#bound)
      : this.#slots.get(slots[position - 1]!);
    if (before === undefined) throw new Error("A slot was never computed");
    if (
      position > 0 && this.#owners.get(slots[position - 1]!) !== this.#bound
    ) {
      throw new Error("A row ran under another adapter than its prefix");
    }
    const text = mix(before, token);
    this.#owners.set(slots[position]!, this.#bound);
    this.#slots.set(slots[position]!, text);
    return text;
  }
}
