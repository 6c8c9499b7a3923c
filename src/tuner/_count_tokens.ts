import { addresseeOf, type Caller } from "./_answer.ts";
import { readCounted } from "./_messages_dialect.ts";
import { readJson } from "./_read_json.ts";

/**
 * Answers Anthropic's `/v1/messages/count_tokens`: what `usage.input_tokens` of the same message would
 * be. Nothing is sampled or recorded.
 *
 * @throws {ApiError} If the message would be refused too, or what replies knows no tokens.
 */
export async function countTokens(
  request: Request,
  caller: Caller,
  { maxBodyBytes }: { readonly maxBodyBytes: number },
): Promise<Response> {
  const chat = readCounted(await readJson(request, maxBodyBytes));
  const { agent } = addresseeOf(request, chat.model, caller);
  const tokens = caller.session.countTokens(chat, { agent });
  return Response.json({ input_tokens: tokens });
}
