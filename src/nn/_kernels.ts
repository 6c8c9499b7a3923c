import adamw from "../../kernels/adamw.wgsl" with { type: "text" };
import attention from "../../kernels/attention.wgsl" with { type: "text" };
import attentionBackwardKv from "../../kernels/attention_backward_kv.wgsl" with {
  type: "text",
};
import attentionBackwardQ from "../../kernels/attention_backward_q.wgsl" with {
  type: "text",
};
import blockDiagonal from "../../kernels/block_diagonal.wgsl" with {
  type: "text",
};
import cacheAttention from "../../kernels/cache_attention.wgsl" with {
  type: "text",
};
import cacheRope from "../../kernels/cache_rope.wgsl" with { type: "text" };
import columnSums from "../../kernels/column_sums.wgsl" with { type: "text" };
import dropout from "../../kernels/dropout.wgsl" with { type: "text" };
import embedding from "../../kernels/embedding.wgsl" with { type: "text" };
import embeddingBackward from "../../kernels/embedding_backward.wgsl" with {
  type: "text",
};
import gatherRows from "../../kernels/gather_rows.wgsl" with { type: "text" };
import headBackward from "../../kernels/head_backward.wgsl" with {
  type: "text",
};
import headStats from "../../kernels/head_stats.wgsl" with { type: "text" };
import headTargets from "../../kernels/head_targets.wgsl" with { type: "text" };
import norm from "../../kernels/norm.wgsl" with { type: "text" };
import qkRope from "../../kernels/qk_rope.wgsl" with { type: "text" };
import qkRopeBackward from "../../kernels/qk_rope_backward.wgsl" with {
  type: "text",
};
import rmsNorm from "../../kernels/rms_norm.wgsl" with { type: "text" };
import rmsNormBackward from "../../kernels/rms_norm_backward.wgsl" with {
  type: "text",
};
import sample from "../../kernels/sample.wgsl" with { type: "text" };
import scatterRows from "../../kernels/scatter_rows.wgsl" with { type: "text" };
import squareSums from "../../kernels/square_sums.wgsl" with { type: "text" };
import sumPartials from "../../kernels/sum_partials.wgsl" with { type: "text" };
import swiglu from "../../kernels/swiglu.wgsl" with { type: "text" };
import swigluBackward from "../../kernels/swiglu_backward.wgsl" with {
  type: "text",
};

/** The kernels' sources; text imports, so that they travel with a URL import and the binary. */
export const SOURCES = {
  adamw,
  attention,
  attentionBackwardKv,
  attentionBackwardQ,
  blockDiagonal,
  cacheAttention,
  cacheRope,
  columnSums,
  dropout,
  embedding,
  embeddingBackward,
  gatherRows,
  headBackward,
  headStats,
  headTargets,
  norm,
  qkRope,
  qkRopeBackward,
  rmsNorm,
  rmsNormBackward,
  sample,
  scatterRows,
  squareSums,
  sumPartials,
  swiglu,
  swigluBackward,
} as const;
