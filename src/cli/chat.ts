import { UserError } from "../errors.ts";
import { openChat } from "../launcher/mod.ts";
import { ApiError } from "../tuner/mod.ts";
import type { Args } from "./args.ts";
import { Interrupt, STOPPED } from "./interrupt.ts";
import { localConfig } from "./local_config.ts";
import { readServeConfig } from "./read_config.ts";

/** `astuner chat`: a conversation on the terminal, or with the lines of standard input. */
export async function run(args: Args): Promise<number> {
  const config = await localConfig(await readServeConfig(args));
  using interrupt = new Interrupt("Stopping", (text) => console.error(text));
  const { stop } = interrupt;
  try {
    await using chat = await openChat(config, stop);
    const { model } = chat;
    console.error(`Talking to ${model}; an empty line or Ctrl-D ends it`);
    for await (const line of lines(stop)) {
      if (line.trim() === "") break;
      await chat.say(line, { onText: write, signal: stop });
      write("\n");
    }
    return stop.aborted ? STOPPED : 0;
  } catch (error) {
    if (stop.aborted) return STOPPED;
    if (!(error instanceof ApiError)) throw error;
    throw new UserError(error.message, { cause: error });
  }
}

/** Lines of standard input, until `stop` aborts; on a terminal each is asked for. */
async function* lines(stop: AbortSignal): AsyncGenerator<string> {
  const ask = () => Deno.stdin.isTerminal() && write("> ");
  let rest = "";
  ask();
  const input = new TextDecoderStream();
  const { readable } = Deno.stdin;
  readable.pipeTo(input.writable, { signal: stop }).catch(() => {});
  for await (const text of input.readable) {
    const pieces = (rest + text).split("\n");
    rest = pieces.pop()!;
    for (const piece of pieces) {
      yield piece;
      ask();
    }
  }
  if (rest !== "") yield rest;
}

function write(text: string): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) {
    bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
  }
}
