import type { RunEvent, View } from "./events.ts";

/** A run for another program: one JSON object a line for the memory taken, each note, step and evaluation, and one at the end. */
export class JsonView implements View {
  readonly #write: (text: string) => void;

  /** @param write Takes whole lines. */
  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  show(event: RunEvent): void {
    switch (event.event) {
      case "memory":
      case "evaluation":
      case "step":
      case "note":
      case "done":
      case "stopped":
        this.#write(JSON.stringify(event) + "\n");
        return;
      case "start":
      case "progress":
        return;
      default:
        event satisfies never;
    }
  }

  [Symbol.dispose](): void {}
}
