import { exportModel } from "../launcher/mod.ts";
import type { Args } from "./args.ts";
import { locateModel } from "./locate_model.ts";
import { outputFolder, outputType, shardBytes } from "./output_folder.ts";
import { neededFlag } from "./read_offline_config.ts";

/** `astuner export` and `astuner convert`: a model written anew. */
export async function run(args: Args): Promise<number> {
  const { folder, adapter } = await locateModel(neededFlag(args, "model"));
  const written = await exportModel({
    model: folder,
    adapter: args.text("adapter") ?? adapter,
    out: await outputFolder(args),
    dtype: outputType(args),
    maxShardBytes: shardBytes(args),
  });
  const { out, dtype, parameters } = written;
  console.log(
    args.has("json")
      ? JSON.stringify(written)
      : `Wrote ${out}: ${parameters.toLocaleString("en")} weights as ${dtype}`,
  );
  return 0;
}
