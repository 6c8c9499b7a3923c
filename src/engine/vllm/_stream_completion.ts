import type { CompletionReader, SampledTokens } from "./_completion_reader.ts";
import { Ending } from "./_ending.ts";
import { EventSplitter } from "./_event_splitter.ts";
import { IdleLimit } from "./_idle_limit.ts";
import type { Server } from "./_server.ts";
import { ServerError } from "./_server_error.ts";

/** How a stream is followed. */
export interface StreamCompletionOptions {
  readonly reader: CompletionReader;
  readonly signal: AbortSignal | undefined;
  /** Longest time without news. */
  readonly idleMs: number;
  readonly onTokens: (sampled: SampledTokens) => void;
}

/**
 * Sends a completion request and reads its stream to the end. Closing the stream early, as `signal`
 * does, has the server abort the request.
 *
 * @throws {ServerError} If the stream ends before the completion does.
 */
export async function streamCompletion(
  server: Server,
  body: unknown,
  options: StreamCompletionOptions,
): Promise<void> {
  const { signal, idleMs } = options;
  let isSilent = false;
  using ending = new Ending(signal);
  using limit = new IdleLimit(idleMs, () => {
    isSilent = true;
    ending.abort();
  });
  try {
    const response = await server.send("/v1/completions", {
      body,
      signal: ending.signal,
    });
    const events = new EventSplitter();
    await ending.read(response.body, (bytes) => {
      limit.touch();
      for (const data of events.push(bytes)) takeEvent(server, data, options);
    });
  } catch (cause) {
    if (isSilent) {
      const seconds = idleMs / 1000;
      throw server.error("silent", `has said nothing for ${seconds} s`, {
        cause,
      });
    }
    if (cause instanceof ServerError) throw cause;
    throw server.error("broken", `broke off its answer: ${cause}`, { cause });
  }
  if (options.reader.finishReason === undefined) {
    throw server.error(
      "broken",
      "ended its answer before the completion ended",
    );
  }
}

function takeEvent(
  server: Server,
  data: string,
  { reader, onTokens }: StreamCompletionOptions,
): void {
  if (data === "[DONE]") return;
  const event = JSON.parse(data);
  if (event.error) {
    const words = event.error.message ?? JSON.stringify(event.error);
    throw server.error("failed", `ended its answer with an error: ${words}`);
  }
  const sampled = reader.take(event);
  if (sampled.tokens.length > 0) onTokens(sampled);
}
