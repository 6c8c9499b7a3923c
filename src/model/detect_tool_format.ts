import { hermesToolFormat } from "./hermes_tool_format.ts";
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
  return undefined;
}
