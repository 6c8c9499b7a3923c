import { score } from "../launcher/mod.ts";
import { readJsonLines } from "../offline/mod.ts";
import type { Args } from "./args.ts";
import { readOfflineConfig } from "./read_offline_config.ts";
import { writeLine } from "./write_line.ts";

/** `astuner score`: the logprobs of token sequences. */
export async function run(args: Args): Promise<number> {
  const config = await readOfflineConfig(args);
  const lines = readJsonLines(args.text("input") ?? "-");
  for await (const logprobs of score(config, lines)) {
    writeLine(JSON.stringify({ logprobs }));
  }
  return 0;
}
