import type {
  Engine,
  EngineHealth,
  EngineInfo,
  FinishReason,
  GenerateRequest,
  Generation,
} from "../../src/engine/mod.ts";
import { spelled, tokenId } from "./_test_model.ts";

/** What the engine samples next: a text, spelled byte by byte, or ids; or an error. */
export interface Script {
  readonly text?: string;
  readonly tokens?: readonly number[];
  /** The id after it; null for none, as where the sample hits `maxTokens`. @default `<|im_end|>` */
  readonly eos?: number | null;
  readonly logprobs?: readonly number[];
  /** Tokens handed over at a time. @default 3 */
  readonly chunk?: number;
  /** False where tokens come with the result alone. @default true */
  readonly streams?: boolean;
  /** Resolves before the first token; a cancelled request does not wait for it. */
  readonly after?: Promise<void>;
  readonly error?: Error;
  readonly finishReason?: FinishReason;
}

/** An engine that samples what it is told to, and keeps every request. */
export class ScriptedEngine implements Engine {
  readonly requests: GenerateRequest[] = [];
  readonly info: EngineInfo;
  ok = true;
  readonly #script: (request: GenerateRequest, index: number) => Script;

  constructor(
    script: (request: GenerateRequest, index: number) => Script,
    info: Partial<EngineInfo> = {},
  ) {
    this.#script = script;
    this.info = {
      kind: "webgpu",
      model: "scripted",
      maxContext: 4096,
      policyVersion: 7,
      ...info,
    };
  }

  async generate(request: GenerateRequest): Promise<Generation> {
    const script = this.#script(request, this.requests.length);
    this.requests.push(request);
    if (script.after) await orAborted(script.after, request.signal);
    if (script.error) throw script.error;
    const { chunk = 3, streams = true } = script;
    const { all, finishReason } = this.#sample(script, request);
    const logprobs = script.logprobs ?? all.map((_, at) => -(at + 1) / 8);
    const result = { policyVersion: this.info.policyVersion };
    for (let at = 0; at < all.length; at += chunk) {
      if (request.signal?.aborted) {
        const [tokens, some] = [all.slice(0, at), logprobs.slice(0, at)];
        return { ...result, tokens, logprobs: some, finishReason: "abort" };
      }
      const end = at + chunk;
      if (streams) {
        request.onTokens?.(all.slice(at, end), logprobs.slice(at, end));
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const aborted = request.signal?.aborted && all.length === 0;
    return {
      ...result,
      tokens: all,
      logprobs,
      finishReason: aborted ? "abort" : finishReason,
    };
  }

  score(sequences: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const logprobs = sequences.map(({ length }) =>
      Float32Array.from({ length }, (_, at) => at === 0 ? NaN : -1)
    );
    return Promise.resolve(logprobs);
  }

  health(): Promise<EngineHealth> {
    return Promise.resolve({ ok: this.ok, running: 2, waiting: 1 });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #sample(
    script: Script,
    { sampling, signal }: GenerateRequest,
  ): { readonly all: number[]; readonly finishReason: FinishReason } {
    if (script.after && signal?.aborted) {
      return { all: [], finishReason: "abort" };
    }
    const eos = script.eos === undefined ? tokenId("<|im_end|>") : script.eos;
    const all = [
      ...script.tokens ?? spelled(script.text ?? ""),
      ...(eos === null ? [] : [eos]),
    ];
    const isCut = eos === null || all.length > sampling.maxTokens;
    return {
      all: all.slice(0, sampling.maxTokens),
      finishReason: script.finishReason ?? (isCut ? "length" : "stop"),
    };
  }
}

/** Resolves with `promise`, or earlier when `signal` aborts. */
async function orAborted(
  promise: Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  signal?.addEventListener("abort", () => aborted.resolve(), { once: true });
  if (signal?.aborted) aborted.resolve();
  await Promise.race([promise, aborted.promise]);
}
