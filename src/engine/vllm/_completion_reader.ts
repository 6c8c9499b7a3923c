/** The fields of a `/v1/completions` event that are read; none is taken on trust. */
interface CompletionEvent {
  readonly choices?: readonly CompletionEventChoice[];
  readonly usage?: { readonly completion_tokens?: unknown } | null;
}

interface CompletionEventChoice {
  readonly prompt_token_ids?: readonly unknown[] | null;
  readonly token_ids?: readonly unknown[] | null;
  readonly logprobs?: { readonly token_logprobs?: readonly unknown[] } | null;
  readonly finish_reason?: unknown;
}

/** Tokens that arrived together. */
export interface SampledTokens {
  readonly tokens: readonly number[];
  /** One for each token; NaN where the server sent none. */
  readonly logprobs: readonly number[];
}

/**
 * Collects a streamed completion and checks it, event by event: the server has sampled after our
 * prompt, and ids, logprobs and usage agree in number.
 */
export class CompletionReader {
  readonly tokens: number[] = [];
  /** As long as `tokens`; NaN where the server sent none. */
  readonly logprobs: number[] = [];
  /** In vLLM's words; undefined while the generation goes on. */
  finishReason: string | undefined;
  readonly #prompt: readonly number[];
  #hasUsage = false;
  #problem: string | undefined;

  /** @param prompt The ids that were sent. */
  constructor(prompt: readonly number[]) {
    this.#prompt = prompt;
  }

  /** Takes an event; returns the tokens in it. */
  take({ choices, usage }: CompletionEvent): SampledTokens {
    const sampled = this.#sampled(choices?.[0]);
    if (usage) this.#checkUsage(usage.completion_tokens);
    return sampled;
  }

  /** Why the completion cannot be trusted to the token; undefined where it can. */
  problem(): string | undefined {
    const isWhole = this.finishReason !== undefined;
    return this.#problem ??
      (isWhole && !this.#hasUsage
        ? "no usage came with the token ids"
        : undefined);
  }

  #sampled(choice: CompletionEventChoice | undefined): SampledTokens {
    if (choice === undefined) return NOTHING;
    if (choice.prompt_token_ids) this.#checkPrompt(choice.prompt_token_ids);
    if (typeof choice.finish_reason === "string") {
      this.finishReason = choice.finish_reason;
    }
    const ids = choice.token_ids ?? [];
    const given = choice.logprobs?.token_logprobs ?? [];
    if (ids.length !== given.length) {
      this.#problem ??=
        `${ids.length} token ids came with ${given.length} logprobs`;
    }
    const tokens = ids.map(Number);
    const logprobs = tokens.map((_, at) => Number(given[at] ?? NaN));
    for (const id of tokens) {
      if (!Number.isSafeInteger(id)) this.#problem ??= `${id} is no token id`;
      this.tokens.push(id);
    }
    for (const logprob of logprobs) this.logprobs.push(logprob);
    return { tokens, logprobs };
  }

  #checkUsage(count: unknown): void {
    this.#hasUsage = true;
    if (count === this.tokens.length) return;
    this.#problem ??=
      `${this.tokens.length} token ids came with a usage of ${count} tokens`;
  }

  #checkPrompt(ids: readonly unknown[]): void {
    const prompt = this.#prompt;
    const at = ids.findIndex((id, at) => id !== prompt[at]);
    if (at < 0 && ids.length === prompt.length) return;
    this.#problem ??=
      `the server's prompt has ${ids.length} tokens and ours ${prompt.length}` +
      (at < 0 ? "" : `, and token ${at} is another one`);
  }
}

const NOTHING: SampledTokens = { tokens: [], logprobs: [] };
