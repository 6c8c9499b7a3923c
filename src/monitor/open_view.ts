import type { View } from "./events.ts";
import { JsonView } from "./json_view.ts";
import { LineView } from "./line_view.ts";
import { TerminalView } from "./terminal_view.ts";

const DEFAULT_COLUMNS = 80;

/** What the view is shown on. */
export interface OpenViewOptions {
  /** One JSON object a line instead of text. @default {false} */
  readonly json?: boolean;
}

/** Opens the view that suits standard output: JSON where asked, live on a terminal, else lines. */
export function openView({ json = false }: OpenViewOptions = {}): View {
  if (json) return new JsonView(write);
  if (!Deno.stdout.isTerminal()) return new LineView({ write });
  return new TerminalView({ write, columns, color: !Deno.noColor });
}

function write(text: string): void {
  let bytes = new TextEncoder().encode(text);
  try {
    while (bytes.length > 0) {
      bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
    }
  } catch (error) {
    // Whoever watched went away; the run and its records go on.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

function columns(): number {
  try {
    return Deno.consoleSize().columns || DEFAULT_COLUMNS;
  } catch {
    return DEFAULT_COLUMNS; // standard output went away since
  }
}
