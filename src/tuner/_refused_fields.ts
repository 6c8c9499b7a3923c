/** A field whose effect cannot be given. */
interface RefusedField {
  /** What to do instead. */
  readonly hint: string;
  /** Whether a value asks for nothing. */
  readonly harmless?: (value: unknown) => boolean;
}

const POLICY_ONLY =
  "tokens are drawn from the policy itself, so that their logprobs are exact";

/** Fields of OpenAI's API and of vLLM's that would change the answer, and are not supported. */
const REFUSED_FIELDS: Readonly<Record<string, RefusedField>> = {
  audio: { hint: "only text is supported" },
  modalities: {
    hint: "only text is supported",
    harmless: (value) => JSON.stringify(value) === '["text"]',
  },
  functions: { hint: 'send "tools" instead' },
  function_call: { hint: 'send "tool_choice" instead' },
  prediction: { hint: "leave it out" },
  web_search_options: { hint: "give the agent a search tool of its own" },
  logit_bias: { hint: POLICY_ONLY, harmless: isEmpty },
  presence_penalty: { hint: POLICY_ONLY, harmless: (value) => value === 0 },
  frequency_penalty: { hint: POLICY_ONLY, harmless: (value) => value === 0 },
  repetition_penalty: { hint: POLICY_ONLY, harmless: (value) => value === 1 },
  min_tokens: { hint: POLICY_ONLY, harmless: (value) => value === 0 },
  ignore_eos: { hint: "leave it out", harmless: (value) => value === false },
  continue_final_message: {
    hint: "the model always opens a turn of its own",
    harmless: (value) => value === false,
  },
  chat_template_kwargs: {
    hint: "the variables of the chat template are set once, for the whole run",
    harmless: isEmpty,
  },
};

/**
 * The first field of a request that would have to be ignored against its meaning.
 *
 * @returns Its name and what to do instead, or undefined if there is none.
 */
export function refusedField(
  body: Readonly<Record<string, unknown>>,
): { readonly param: string; readonly hint: string } | undefined {
  for (const param in REFUSED_FIELDS) {
    const value = body[param];
    if (value === undefined || value === null) continue;
    const { hint, harmless } = REFUSED_FIELDS[param]!;
    if (!harmless?.(value)) return { param, hint };
  }
  return undefined;
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    Object.keys(value).length === 0;
}
