import { openWebGpu } from "../../../src/engine/mod.ts";
import { parameterShapes, parseModelConfig } from "../../../src/model/mod.ts";
import { algorithm, update } from "../../../src/trainer/mod.ts";
import design from "../../../examples/calculator/model/config.json" with {
  type: "json",
};
import { episode } from "./_episodes.ts";

const shape = parseModelConfig(design, "config.json");
const weights = Array.from(parameterShapes(shape), ([name, shape]) => {
  const size = shape.reduce((product, length) => product * length, 1);
  return { name, shape, data: new Float32Array(size).fill(0.02) };
});
await using gpu = await openWebGpu({
  shape,
  weights,
  name: "design",
  maxNodes: 64,
});
await update(
  gpu.policy,
  [{
    episodes: [3, 4].map((answer) => ({
      id: String(answer),
      tree: episode(answer),
      reward: answer,
    })),
  }],
  {
    algorithm: algorithm("grpo"),
    optimizer: {
      learningRate: 1e-3,
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-8,
      weightDecay: 0,
      maxGradNorm: 1,
    },
  },
);
