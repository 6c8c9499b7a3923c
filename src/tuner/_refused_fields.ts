/** A field whose effect cannot be given. */
interface RefusedField {
  /** What to do instead. */
  readonly hint: string;
  /** Whether a value asks for nothing. */
  readonly harmless?: (value: unknown) => boolean;
}

const POLICY_ONLY =
  "tokens are drawn from the policy itself, so that their logprobs are exact";
const ASK_IN_PROMPT = "ask for JSON in the prompt, or give a tool";
const OWN_TEMPLATE = "the model's own chat template renders every request";

/** How the names of vLLM's older fields for constrained output begin. */
const GUIDED = "guided_";

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
  bad_words: { hint: POLICY_ONLY, harmless: isEmpty },
  allowed_token_ids: { hint: POLICY_ONLY, harmless: isEmpty },
  logits_processors: { hint: POLICY_ONLY, harmless: isEmpty },
  structured_outputs: { hint: ASK_IN_PROMPT },
  best_of: { hint: "ask for n replies", harmless: (value) => value === 1 },
  use_beam_search: { hint: POLICY_ONLY, harmless: isFalse },
  ignore_eos: { hint: "leave it out", harmless: isFalse },
  stop_token_ids: { hint: 'send texts as "stop"', harmless: isEmpty },
  include_stop_str_in_output: { hint: "leave it out", harmless: isFalse },
  skip_special_tokens: {
    hint: "ask for the ids with return_token_ids",
    harmless: (value) => value === true,
  },
  return_tokens_as_token_ids: {
    hint: "ask for the ids with return_token_ids",
    harmless: isFalse,
  },
  prompt_logprobs: { hint: "/v1/completions has it" },
  prompt_embeds: { hint: "send a text, or token ids" },
  truncate_prompt_tokens: { hint: "send as much as the context holds" },
  suffix: { hint: "leave it out", harmless: (value) => value === "" },
  echo: { hint: "/v1/completions has it", harmless: isFalse },
  chat_template: { hint: OWN_TEMPLATE },
  add_special_tokens: { hint: OWN_TEMPLATE, harmless: isFalse },
  documents: { hint: "write them into the messages", harmless: isEmpty },
  add_generation_prompt: {
    hint: "the model always opens a turn of its own",
    harmless: (value) => value === true,
  },
  continue_final_message: {
    hint: "the model always opens a turn of its own",
    harmless: isFalse,
  },
  chat_template_kwargs: {
    hint: "the variables of the chat template are set once, for the whole run",
    harmless: isEmpty,
  },
};

/**
 * The first field of a request that would have to be ignored against its meaning.
 *
 * @param served Fields that are honoured where the request was sent to.
 * @returns Its name and what to do instead, or undefined if there is none.
 */
export function refusedField(
  body: Readonly<Record<string, unknown>>,
  served: readonly string[] = [],
): { readonly param: string; readonly hint: string } | undefined {
  for (const param in body) {
    if (!param.startsWith(GUIDED) || body[param] == null) continue;
    return { param, hint: ASK_IN_PROMPT };
  }
  for (const param in REFUSED_FIELDS) {
    const value = body[param];
    if (value === undefined || value === null) continue;
    if (served.includes(param)) continue;
    const { hint, harmless } = REFUSED_FIELDS[param]!;
    if (!harmless?.(value)) return { param, hint };
  }
  return undefined;
}

function isFalse(value: unknown): boolean {
  return value === false;
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    Object.keys(value).length === 0;
}
