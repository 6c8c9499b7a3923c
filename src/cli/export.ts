import { exportModel } from "../launcher/mod.ts";
import { resolveModel } from "../model/hub/mod.ts";
import type { Args } from "./args.ts";
import { downloadView } from "./local_config.ts";
import { locateModel } from "./locate_model.ts";
import { outputFolder, outputType, shardBytes } from "./output_folder.ts";
import { neededFlag } from "./read_offline_config.ts";

/** `astuner export` and `astuner convert`: a model written anew. */
export async function run(args: Args): Promise<number> {
  const located = await locateModel(neededFlag(args, "model"));
  const given = args.text("adapter") ?? located.adapter;
  const written = await exportModel({
    model: await folderOf(
      located.folder,
      args.text("revision") ?? located.revision,
    ),
    ...(given !== undefined && { adapter: await folderOf(given) }),
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

async function folderOf(path: string, revision = "main"): Promise<string> {
  const options = { onProgress: downloadView(), revision };
  return (await resolveModel(path, options)).folder;
}
