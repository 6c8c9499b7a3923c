import { UserError } from "../errors.ts";
import { openChat } from "../launcher/mod.ts";
import { ApiError } from "../tuner/mod.ts";
import type { Args } from "./args.ts";
import { localConfig } from "./local_config.ts";
import { readServeConfig } from "./read_config.ts";

/** `astuner chat`: a conversation on the terminal, or with the lines of standard input. */
export async function run(args: Args): Promise<number> {
  const config = await localConfig(await readServeConfig(args));
  await using chat = await openChat(config);
  const { model } = chat;
  console.error(`Talking to ${model}; an empty line or Ctrl-D ends it`);
  for await (const line of lines()) {
    if (line.trim() === "") break;
    try {
      await chat.say(line, { onText: write });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new UserError(error.message, { cause: error });
    }
    write("\n");
  }
  return 0;
}

/** Lines of standard input; on a terminal each is asked for. */
async function* lines(): AsyncGenerator<string> {
  const ask = () => Deno.stdin.isTerminal() && write("> ");
  let rest = "";
  ask();
  for await (
    const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  ) {
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
