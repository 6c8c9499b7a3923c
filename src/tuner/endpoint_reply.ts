import { joinReasoning } from "../model/mod.ts";
import { ApiError } from "./api_error.ts";
import type {
  ChatChoice,
  ChatPiece,
  IdentifiedToolCall,
} from "./chat_completion.ts";

/** What an endpoint replied. */
export interface EndpointReply {
  readonly choices: readonly ChatChoice[];
  /** 0 where the endpoint does not say. */
  readonly promptTokens: number;
  readonly sampledTokens: number;
  /** Ids of the prompt, where the endpoint gives them. */
  readonly prompt: readonly number[] | undefined;
}

/** The parts of a chunk, or of a whole answer, that are understood. */
interface Chunk {
  readonly choices?: readonly ChunkChoice[];
  readonly prompt_token_ids?: readonly number[] | null;
  readonly usage?: {
    readonly prompt_tokens?: number;
    readonly completion_tokens?: number;
  } | null;
  readonly error?: { readonly message?: string } | string;
}

interface ChunkChoice {
  readonly index?: number;
  readonly delta?: Delta;
  /** In an answer that came in one piece. */
  readonly message?: Delta;
  readonly finish_reason?: string | null;
  readonly token_ids?: readonly number[] | null;
  readonly logprobs?: {
    readonly content?: readonly { readonly logprob: number }[] | null;
  } | null;
}

interface Delta {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly reasoning?: string | null;
  readonly tool_calls?: readonly ToolCallDelta[] | null;
}

interface ToolCallDelta {
  readonly index?: number;
  readonly id?: string | null;
  readonly function?: {
    readonly name?: string | null;
    readonly arguments?: string | null;
  };
}

/** A reply as it grows. */
class GrowingChoice {
  content = "";
  reasoning = "";
  finish: string | undefined;
  readonly tokens: number[] = [];
  readonly logprobs: number[] = [];
  readonly toolCalls: { id: string; name: string; arguments: string }[] = [];

  constructor(readonly index: number) {}

  /** Takes a part of it; returns what a client may see of it at once. */
  add(
    choice: ChunkChoice,
  ): Pick<ChatPiece, "content" | "tokens" | "logprobs"> {
    const { content, tool_calls, ...delta } = choice.delta ?? choice.message ??
      {};
    const thought = delta.reasoning_content ?? delta.reasoning ?? "";
    const text = content ?? "";
    const tokens = choice.token_ids ?? [];
    const logprobs = (choice.logprobs?.content ?? [])
      .map(({ logprob }) => logprob);
    const opens = this.reasoning === "" && thought !== "" ? "<think>\n" : "";
    const closes = this.reasoning !== "" && this.content === "" && text !== ""
      ? "\n</think>\n\n"
      : "";
    this.reasoning += thought;
    this.content += text;
    this.tokens.push(...tokens);
    this.logprobs.push(...logprobs);
    for (const [at, call] of (tool_calls ?? []).entries()) {
      this.#addCall(call, at);
    }
    this.finish = choice.finish_reason ?? this.finish;
    return { content: opens + thought + closes + text, tokens, logprobs };
  }

  /** Complete once the reply has ended. */
  identified(): IdentifiedToolCall[] {
    return this.toolCalls.map(({ id, name, arguments: json }) => ({
      id,
      type: "function",
      function: { name, arguments: json },
    }));
  }

  end(): ChatChoice {
    const { index, content, reasoning, finish, tokens, logprobs } = this;
    const toolCalls = this.identified();
    return {
      index,
      content: reasoning === ""
        ? content
        : joinReasoning({ reasoning, content }),
      toolCalls,
      finishReason: finish === "length"
        ? "length"
        : toolCalls.length > 0
        ? "tool_calls"
        : "stop",
      tokens,
      logprobs,
    };
  }

  #addCall({ index, id, function: called }: ToolCallDelta, at: number): void {
    const call = this.toolCalls[index ?? at] ??= {
      id: id ?? `call_${crypto.randomUUID()}`,
      name: "",
      arguments: "",
    };
    call.name += called?.name ?? "";
    call.arguments += called?.arguments ?? "";
  }
}

/**
 * Reads an endpoint's reply, streamed or in one piece.
 *
 * @throws {ApiError} If it holds an error, or ends before its end.
 */
export async function readReply(
  response: Response,
  onPiece: ((piece: Omit<ChatPiece, "id">) => void) | undefined,
): Promise<EndpointReply> {
  const choices = new Map<number, GrowingChoice>();
  let prompt: readonly number[] | undefined;
  let usage: Chunk["usage"];
  for await (const chunk of chunks(response)) {
    if (chunk.error !== undefined) throw failed(chunk.error);
    usage = chunk.usage ?? usage;
    prompt = chunk.prompt_token_ids ?? prompt;
    const promptTokens = usage?.prompt_tokens ?? prompt?.length ?? 0;
    for (const part of chunk.choices ?? []) {
      const index = part.index ?? 0;
      const choice = choices.get(index) ?? new GrowingChoice(index);
      choices.set(index, choice);
      const news = choice.add(part);
      const ended = typeof part.finish_reason === "string";
      const toolCalls = ended ? choice.identified() : [];
      onPiece?.({ ...news, index, promptTokens, toolCalls });
    }
  }
  const all = [...choices.values()].sort((a, b) => a.index - b.index);
  if (all.length === 0 || all.some(({ finish }) => finish === undefined)) {
    throw new Error("it ended without a finish_reason");
  }
  const ended = all.map((choice) => choice.end());
  return {
    choices: ended,
    promptTokens: usage?.prompt_tokens ?? prompt?.length ?? 0,
    sampledTokens: usage?.completion_tokens ??
      ended.reduce((sum, { tokens }) => sum + tokens.length, 0),
    prompt,
  };
}

async function* chunks(response: Response): AsyncGenerator<Chunk> {
  if (!response.headers.get("content-type")?.includes("event-stream")) {
    yield await response.json();
    return;
  }
  let rest = "";
  for await (
    const text of response.body!.pipeThrough(new TextDecoderStream())
  ) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const data = line.startsWith("data:") ? line.slice(5).trim() : "";
      if (data !== "" && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

function failed(error: NonNullable<Chunk["error"]>): ApiError {
  const words = typeof error === "string" ? error : error.message;
  return new ApiError(503, `The endpoint failed: ${words}`);
}
