import { fileURLToPath } from "node:url";
import { Runner } from "../../../src/runner/mod.ts";

const workflow = new URL("./_workflow.ts", import.meta.url);
await using runner = await Runner.open({
  workflow: fileURLToPath(workflow),
  gateway: "127.0.0.1:9",
});
const result = await runner.run({
  task: { id: "1", query: "1 + 1", metadata: {}, split: "train" },
  endpoint: { baseUrl: "http://127.0.0.1:9/v1", apiKey: "", model: "" },
});
if (result.kind !== "finished") throw result.error;
