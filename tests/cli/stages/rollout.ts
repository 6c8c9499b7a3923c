import { rollout } from "../../../src/rollout/mod.ts";
import { episode } from "./_episodes.ts";

const outcome = { reward: 1, success: true, metadata: {}, metrics: {} };
await rollout(
  [{ id: "1", query: "1 + 1", metadata: {}, split: "train" }],
  {
    seed: 1,
    step: 1,
    groupSize: 4,
    host: {
      openEpisode: () => ({
        baseUrl: "",
        apiKey: "",
        model: "",
        tree: episode(2),
        inFlight: 0,
        lastActivity: Date.now(),
        close: () => Promise.resolve(),
        abort: () => Promise.resolve(),
      }),
    },
    runner: {
      run: () => Promise.resolve({ kind: "finished", outcome, log: "" }),
    },
  },
);
