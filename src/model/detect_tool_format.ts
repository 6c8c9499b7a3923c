import { hermesToolFormat } from "./hermes_tool_format.ts";
import { llama3ToolFormat } from "./llama3_tool_format.ts";
import { mistralToolFormat } from "./mistral_tool_format.ts";
import { pythonicToolFormat } from "./pythonic_tool_format.ts";
import type { ToolFormat } from "./tool_format.ts";

/**
 * The tool-call format a chat template teaches its model, told from the markers it writes.
 *
 * @returns Undefined if the template knows no tools, or writes them in a way not known here.
 */
export function detectToolFormat(template: string): ToolFormat | undefined {
  // Qwen3-Coder wraps XML, not JSON, in the same tags.
  if (template.includes("<tool_call>") && !template.includes("<function=")) {
    return hermesToolFormat;
  }
  if (template.includes("[TOOL_CALLS]")) return mistralToolFormat;
  if (/\[\s*func\w*\(\w+=/.test(template)) return pythonicToolFormat;
  // Llama's templates show the model what its calls look like.
  if (
    template.includes("<|start_header_id|>") &&
    /["']parameters["']\s*:/.test(template)
  ) {
    return llama3ToolFormat;
  }
  return undefined;
}
