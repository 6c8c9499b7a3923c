import { buildBatch } from "../../../src/tracker/mod.ts";
import { episode } from "./_episodes.ts";

const episodes = [3, 4].map((answer) => ({
  id: String(answer),
  tree: episode(answer),
  advantage: answer,
}));
buildBatch([{ episodes }], { maxNodes: 64 });
