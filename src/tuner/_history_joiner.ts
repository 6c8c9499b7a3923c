import type { ChatMessage } from "../model/mod.ts";
import { canonicalMessage } from "./_canonical_message.ts";
import type { PromptBuilder } from "./_prompt_builder.ts";
import type { Sample, SampleMemory } from "./_sample_memory.ts";
import type { SplitHistory } from "./_split_history.ts";
import type { ChatModel } from "./chat_model.ts";

/** A conversation whose assistant's messages have been found in its rendering. */
export interface History extends SplitHistory {
  readonly messages: readonly ChatMessage[];
  /** Places of the assistant's messages in `messages`. */
  readonly places: readonly number[];
  readonly agent: string;
  readonly memory: SampleMemory;
}

/** How a prompt relates to what was sampled before. */
export interface PromptLink {
  /** The latest earlier call whose prompt and sample open the prompt unchanged. */
  readonly extends?: { readonly call: string; readonly length: number };
  /** Why the prompt does not go on from where the history's last sample ended. */
  readonly rewrite?: string;
}

/** What became of one message. */
interface Joined {
  /** Text that follows it. */
  readonly tail: string;
  /** The call that it ends, where all up to here is as that call left it. */
  readonly call?: string;
  /** What is wrong with it, where the agent had sampled something else or elsewhere. */
  readonly why?: string | undefined;
}

/** Which tokens of a sample stand for its message, where the template writes the message so. */
type Fit = "with lead" | "without lead" | "none";

/** Puts the ids of sampled messages into prompts, in place of what the template makes of them. */
export class HistoryJoiner {
  readonly #model: ChatModel;
  /** The latest verdict on each sample: a history repeats its messages call after call. */
  readonly #fits = new WeakMap<Sample, { body: string; fit: Fit }>();

  constructor(model: ChatModel) {
    this.#model = model;
  }

  /**
   * Appends a history to a prompt, up to the end of its last assistant's message.
   *
   * @returns The text that is left to append, and how the prompt relates to earlier calls.
   */
  join(
    builder: PromptBuilder,
    history: History,
  ): { readonly tail: string; readonly link: PromptLink } {
    let link: PromptLink = {};
    let tail = history.texts[0]!;
    for (const [i, place] of history.places.entries()) {
      builder.addText(tail);
      const joined = this.#joinMessage(builder, history, i);
      tail = joined.tail;
      if (joined.call !== undefined) {
        const length = builder.tokens.length;
        link = { extends: { call: joined.call, length } };
      } else if (joined.why !== undefined) {
        // The first reason explains those after it.
        link = { rewrite: `message ${place} ${joined.why}`, ...link };
      }
    }
    return { tail, link };
  }

  #joinMessage(builder: PromptBuilder, history: History, i: number): Joined {
    const { memory, agent } = history;
    const body = history.bodies[i]!;
    const tail = history.texts[i + 1]!;
    const here = builder.key();
    const samples = memory.recall(history.messages[history.places[i]!]!);
    const sample = samples.find(({ before }) => before === here) ?? samples[0];
    if (sample === undefined) {
      builder.addText(body);
      return {
        tail,
        why: memory.wasSampledAfter(here, agent)
          ? "is not what was sampled there"
          : undefined,
      };
    }
    const fit = this.#fit(sample, body);
    if (fit === "none") {
      builder.addText(body);
      const why = "is not written by the chat template as it was sampled";
      return { tail, why };
    }
    const ending = this.#ending(sample, tail);
    if (fit === "with lead") builder.addTokens(sample.lead);
    builder.addTokens(sample.tokens.slice(0, ending.kept));
    if (sample.before !== here) {
      const own = sample.agent === agent;
      const why = own
        ? "stands after something else than when it was sampled"
        : undefined;
      return { tail: ending.tail, why };
    }
    if (fit === "without lead") {
      const why = "has lost what the chat template had opened it with";
      return { tail: ending.tail, why };
    }
    return ending.why === undefined
      ? { tail: ending.tail, call: sample.call }
      : ending;
  }

  /** How many of a sample's ids are used again, and the text that then goes on from `tail`. */
  #ending(sample: Sample, tail: string): Joined & { readonly kept: number } {
    const { cut, tokens } = sample;
    if (cut !== undefined) {
      return { kept: cut.kept, tail: cut.rest + tail, why: cut.why };
    }
    const last = tokens.at(-1);
    if (last === undefined || !this.#model.eosIds.includes(last)) {
      return { kept: tokens.length, tail };
    }
    const endOfTurn = this.#model.tokenizer.decode([last]);
    if (tail.startsWith(endOfTurn)) {
      return { kept: tokens.length, tail: tail.slice(endOfTurn.length) };
    }
    const why =
      `was ended by ${endOfTurn}, which the chat template does not write`;
    return { kept: tokens.length - 1, tail, why };
  }

  #fit(sample: Sample, body: string): Fit {
    const known = this.#fits.get(sample);
    if (known?.body === body) return known.fit;
    const { leadText, text } = sample;
    const gist = this.#gist(body, sample);
    const fit = gist === this.#gist(leadText + text, sample)
      ? "with lead"
      : gist === this.#gist(text, sample)
      ? "without lead"
      : "none";
    this.#fits.set(sample, { body, fit });
    return fit;
  }

  /** What a message's text says; templates may change its white space and the spacing of JSON. */
  #gist(text: string, sample: Sample): string {
    const squeezed = (text: string) => text.replaceAll(/\s+/g, "");
    const { toolFormat } = this.#model;
    if (!sample.message.tool_calls?.length || toolFormat === undefined) {
      return squeezed(text);
    }
    const { content, toolCalls } = toolFormat.parse(text);
    return canonicalMessage({
      content: squeezed(content),
      tool_calls: toolCalls.map((call) => ({ function: call })),
    });
  }
}
