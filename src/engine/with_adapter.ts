import type { Engine } from "./engine.ts";

/** An engine as it is under one of its adapters: whatever is asked of it names that one. */
export function withAdapter(engine: Engine, adapter: string): Engine {
  return {
    get info() {
      return engine.info;
    },
    generate: (request) => engine.generate({ ...request, adapter }),
    score: (sequences) => engine.score(sequences, { adapter }),
    health: () => engine.health(),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}
