import { parseArgs } from "node:util";
import { StubVllm } from "../engine/vllm/_stub_vllm.ts";

// Stands in for the program `vllm`: takes its arguments, writes them to a file, and serves as the stub does.
const { values } = parseArgs({
  args: Deno.args,
  strict: false,
  options: { port: { type: "string" } },
});
const flag = Deno.env.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING");
await Deno.writeTextFile(
  Deno.env.get("STAND_IN_SEEN")!,
  JSON.stringify({ args: Deno.args, flag }),
);
new StubVllm({ port: Number(values.port) });
