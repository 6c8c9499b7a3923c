import { DataError, UserError } from "../errors.ts";
import type { ChatTemplate, Tokenizer } from "../model/mod.ts";
import { TokenTree } from "../tracker/mod.ts";
import type { Example } from "./example.ts";

/** A model's way from text to tokens; a `ModelFolder` has it. */
export interface TokenizeOptions {
  readonly tokenizer: Tokenizer;
  /** Undefined: the model has none, so only texts can be imitated. */
  readonly template: ChatTemplate | undefined;
  /** Ids that end a turn or a text. */
  readonly eosIds: readonly number[];
}

/** An example as the policy would have sampled it. */
export interface TokenizedExample {
  /** `file:line`, for messages. */
  readonly where: string;
  /** A call for each imitated message; what their prompts share stands there once. */
  readonly tree: TokenTree;
}

/**
 * Turns an example into tokens as an engine would have seen and sampled them: each imitated message follows the chat
 * template's own opening of a turn, and ends with the token that ends a turn.
 *
 * @throws {DataError} If the template does not write a message after its own opening, or refuses it.
 */
export function tokenizeExample(
  example: Example,
  options: TokenizeOptions,
): TokenizedExample {
  const { where } = example;
  const tree = new TokenTree();
  const turns = example.kind === "text"
    ? [textTurn(example, options)]
    : chatTurns(example, options);
  for (const { prompt, completion } of turns) {
    tree.record({
      id: `${prompt.length}`,
      agent: "default",
      prompt,
      tokens: completion,
      logprobs: completion.map(() => 0),
      temperature: 1,
      finishReason: "stop",
      policyVersion: 0,
    });
  }
  return { where, tree };
}

interface Turn {
  readonly prompt: readonly number[];
  readonly completion: readonly number[];
}

type Of<Kind> = Extract<Example, { readonly kind: Kind }>;

function textTurn(
  { prompt, completion }: Of<"text">,
  { tokenizer, eosIds }: TokenizeOptions,
): Turn {
  const asked = tokenizer.encode(prompt);
  const rest = tokenizer.encode(completion, { after: asked.at(-1) });
  return {
    prompt: [...tokenizer.opening, ...asked],
    completion: [...rest, ...eosIds.slice(0, 1)],
  };
}

function* chatTurns(
  { where, messages, tools, from }: Of<"chat">,
  { tokenizer, template, eosIds }: TokenizeOptions,
): Generator<Turn> {
  if (template === undefined) {
    throw new DataError(
      `${where}: the model has no chat template: give prompt and completion as texts`,
    );
  }
  const ends = eosIds.map((id) => tokenizer.decode([id], { continues: true }));
  const render = (count: number, addGenerationPrompt: boolean) => {
    try {
      return template.render(messages.slice(0, count), {
        tools,
        addGenerationPrompt,
      });
    } catch (cause) {
      if (!(cause instanceof UserError)) throw cause;
      throw new DataError(`${where}: ${cause.message}`, { cause });
    }
  };
  // What was tokenized up to the last turn's end goes on as it is, as in an engine's cache.
  let known: Tokenized = NOTHING;
  for (let at = from; at < messages.length; at++) {
    if (messages[at]!.role !== "assistant") continue;
    const opened = render(at, true);
    const written = render(at + 1, false);
    if (!written.startsWith(opened)) {
      throw new DataError(
        `${where}: the chat template does not write message ${at} after the opening of a turn, ` +
          `so it cannot be imitated; give prompt and completion as texts`,
      );
    }
    const base = opened.startsWith(known.text) ? known : NOTHING;
    const news = tokenizer.encode(opened.slice(base.text.length), {
      after: base.ids.at(-1),
    });
    const prompt = [...base.ids, ...news];
    const text = throughLastEos(written.slice(opened.length), ends);
    const completion = tokenizer.encode(text, { after: prompt.at(-1) });
    yield { prompt, completion };
    known = { text: opened + text, ids: [...prompt, ...completion] };
  }
}

/** A text with its ids. */
interface Tokenized {
  readonly text: string;
  readonly ids: readonly number[];
}

const NOTHING: Tokenized = { text: "", ids: [] };

/** Templates write a line break after a turn's end, which no engine samples. */
function throughLastEos(text: string, ends: readonly string[]): string {
  const after = ends.map((end) => text.lastIndexOf(end) + end.length)
    .filter((at, i) => at >= ends[i]!.length && ends[i] !== "");
  return after.length === 0 ? text : text.slice(0, Math.max(...after));
}
