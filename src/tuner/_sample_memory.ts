import type { ChatMessage } from "../model/mod.ts";
import { canonicalMessage } from "./_canonical_message.ts";

/** A sampled message, as it can be used again in a later prompt. */
export interface Sample {
  /** Id of the call that sampled it. */
  readonly call: string;
  readonly agent: string;
  /** Identity of the tokens before the message (`TokenHash.key`). */
  readonly before: string;
  /** Ids that the prompt opened the message with: a template's opening, a forced tool call. */
  readonly lead: readonly number[];
  /** Text of `lead`. */
  readonly leadText: string;
  /** Sampled ids. */
  readonly tokens: readonly number[];
  /** Text of the sampled ids, as far as the agent was shown it. */
  readonly text: string;
  /** The message as the agent was given it. */
  readonly message: ChatMessage;
  /** Set where the message ends before the sample does. */
  readonly cut?: SampleCut;
}

/** Where a message ends before its sample does. */
export interface SampleCut {
  /** What ended it: "was cut at a stop text". */
  readonly why: string;
  /** Leading ids whose text lies within the message. */
  readonly kept: number;
  /** The end of the message's text, which those ids do not cover: part of one token's text. */
  readonly rest: string;
}

/** The messages that an episode's calls have sampled, found again by what an agent sends back. */
export class SampleMemory {
  readonly #byMessage = new Map<string, Sample[]>();
  readonly #byPlace = new Map<string, Sample[]>();

  /** Whether nothing was sampled yet. */
  get isEmpty(): boolean {
    return this.#byMessage.size === 0;
  }

  /** Remembers a sampled message. */
  add(sample: Sample): void {
    append(this.#byMessage, canonicalMessage(sample.message), sample);
    append(this.#byPlace, sample.before, sample);
  }

  /**
   * Samples that read like `message`: those with its tool-call ids if there are any, else all with
   * its content and calls. The oldest come first, so that the choice does not change later.
   */
  recall(message: ChatMessage): readonly Sample[] {
    const alike = this.#byMessage.get(canonicalMessage(message)) ?? [];
    if (!message.tool_calls?.length || alike.length < 2) return alike;
    const ids = callIds(message);
    const same = alike.filter((sample) => callIds(sample.message) === ids);
    return same.length > 0 ? same : alike;
  }

  /** Whether `agent` has sampled a message right after the tokens that `before` identifies. */
  wasSampledAfter(before: string, agent: string): boolean {
    const samples = this.#byPlace.get(before) ?? [];
    return samples.some((sample) => sample.agent === agent);
  }
}

function append(map: Map<string, Sample[]>, key: string, sample: Sample): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [sample]);
  else list.push(sample);
}

function callIds(message: ChatMessage): string {
  return (message.tool_calls ?? []).map((call) => call.id ?? "").join(" ");
}
