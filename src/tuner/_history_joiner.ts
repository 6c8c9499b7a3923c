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
      const joined = this.#joinMessage(builder, history, { i, head: tail });
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

  /** @param at Which of the history's messages, and the text before it. */
  #joinMessage(
    builder: PromptBuilder,
    history: History,
    { i, head }: { readonly i: number; readonly head: string },
  ): Joined {
    const { memory, agent } = history;
    const body = history.bodies[i]!;
    const tail = history.texts[i + 1]!;
    const samples = memory.recall(history.messages[history.places[i]!]!);
    const heads = headsBefore(head, body);
    const found = this.#findPlace(builder, { samples, heads });
    const sample = found?.sample ?? samples[0];
    if (sample === undefined) {
      const wasSampled = heads.some((text) =>
        memory.wasSampledAfter(builder.key(text), agent)
      );
      builder.addText(head + body);
      return {
        tail,
        why: wasSampled ? "is not what was sampled there" : undefined,
      };
    }
    const fit = this.#fit(sample, body);
    if (fit === "none") {
      builder.addText(head + body);
      const why = "is not written by the chat template as it was sampled";
      return { tail, why };
    }
    builder.addText(found?.text ?? head);
    const ending = this.#ending(sample, tail);
    if (fit === "with lead") builder.addTokens(sample.lead);
    builder.addTokens(sample.tokens.slice(0, ending.kept));
    if (found === undefined) {
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

  /** The sample that came where the message stands, and which of some texts before it leads there. */
  #findPlace(
    builder: PromptBuilder,
    { samples, heads }: {
      readonly samples: readonly Sample[];
      readonly heads: readonly string[];
    },
  ): { readonly text: string; readonly sample: Sample } | undefined {
    if (samples.length === 0) return undefined;
    for (const text of heads) {
      const here = builder.key(text);
      const sample = samples.find(({ before }) => before === here);
      if (sample !== undefined) return { text, sample };
    }
    return undefined;
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
    const endOfTurn = this.#model.tokenizer.decode([last], { continues: true });
    // Some templates write a space between a message and its end.
    const ending = tail.startsWith(endOfTurn) ? tail : tail.trimStart();
    if (ending.startsWith(endOfTurn)) {
      return { kept: tokens.length, tail: ending.slice(endOfTurn.length) };
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

/** White space before a message that is tried one by one. */
const MOST_SPACES = 8;

/**
 * What may stand before a sampled message: the text that the template writes there, or with other white space around
 * the place, as where the model writes the space by itself that the template puts before its message.
 */
function headsBefore(head: string, body: string): string[] {
  const bare = head.trimEnd();
  const space = head.slice(bare.length) +
    body.slice(0, body.length - body.trimStart().length);
  const others = Array.from(
    { length: Math.min(space.length, MOST_SPACES) + 1 },
    (_, length) => bare + space.slice(0, length),
  );
  return [head, ...others.filter((other) => other !== head)];
}
