import { type AdapterModule, moduleOf, PEFT_PREFIX } from "../model/mod.ts";
import { roundUp, type TransformerShape } from "./shape.ts";

/** One named tensor within a fused one. */
export interface Part {
  /** Hugging Face's name of it, or PEFT's. */
  readonly name: string;
  readonly shape: readonly number[];
  /** First element within the fused tensor. */
  readonly offset: number;
  /** Elements from one of its rows to the next, in the fused tensor. */
  readonly pitch: number;
}

/** A tensor as the kernels see it: one or more named tensors in one matrix or vector. */
export interface Fused {
  readonly key: string;
  readonly parts: readonly Part[];
  /** Rows of a matrix, padding included; a gain or bias is one row. */
  readonly rows: number;
  readonly columns: number;
  /** Matrices decay; gains and biases do not. */
  readonly matrix: boolean;
}

/** Low-rank adaptation (LoRA, arXiv 2106.09685): y = x·Wᵀ + scale · (x·Aᵀ)·Bᵀ with W frozen. */
export interface LoraShape {
  /** Rank of A and B. */
  readonly rank: number;
  /** alpha / rank, or alpha / √rank (rsLoRA, arXiv 2312.03732). */
  readonly scale: number;
  /** Projections that are adapted. */
  readonly targets: readonly LoraTarget[];
  /** Share of what A reads that is dropped in training. @default 0 */
  readonly dropout?: number;
  /** Modules that are trained whole beside the factors. @default none */
  readonly modules?: readonly AdapterModule[];
  /** Whether embedding and head stay one table over a model where they are, though `modules` has them. @default false */
  readonly tied?: boolean;
}

/** Projections that can be adapted, under their Hugging Face names. */
export const LORA_TARGETS = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
] as const;

/** A projection that can be adapted. */
export type LoraTarget = typeof LORA_TARGETS[number];

/** One projection of a fused matrix. */
interface Projection {
  readonly name: LoraTarget;
  readonly rows: number;
}

/** The fused matrices of a layer: what is stacked in them, and how wide their input is. */
export interface LayerMatrix {
  readonly key: "qkv" | "out" | "gate_up" | "down";
  readonly module: "self_attn" | "mlp";
  readonly projections: readonly Projection[];
  readonly input: number;
}

/**
 * The matrices of every layer. Projections that read the same input are fused by rows, as Hugging
 * Face's `[out, in]` layout allows: query, key and value; gate and up.
 */
export function layerMatrices(shape: TransformerShape): readonly LayerMatrix[] {
  const { hiddenSize: D, heads: H, kvHeads: K, headDim: HD, feedForward: F } =
    shape;
  return [
    {
      key: "qkv",
      module: "self_attn",
      projections: [
        { name: "q_proj", rows: H * HD },
        { name: "k_proj", rows: K * HD },
        { name: "v_proj", rows: K * HD },
      ],
      input: D,
    },
    {
      key: "out",
      module: "self_attn",
      projections: [{ name: "o_proj", rows: D }],
      input: H * HD,
    },
    {
      key: "gate_up",
      module: "mlp",
      projections: [{ name: "gate_proj", rows: F }, {
        name: "up_proj",
        rows: F,
      }],
      input: D,
    },
    {
      key: "down",
      module: "mlp",
      projections: [{ name: "down_proj", rows: D }],
      input: F,
    },
  ];
}

/** All parameters of a model; the vocabulary is padded to 64 rows that are never chosen. */
export function modelLayout(shape: TransformerShape): readonly Fused[] {
  const { hiddenSize: D, headDim: HD, vocabSize: V } = shape;
  const padded = roundUp(V, 64);
  const fused = [stack("embed", [["model.embed_tokens.weight", V, D]], padded)];
  for (let layer = 0; layer < shape.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const vector = (key: string, name: string, size: number) =>
      stack(`${layer}.${key}`, [[`${prefix}.${name}`, size]]);
    fused.push(
      vector("attention_norm", "input_layernorm.weight", D),
      vector("mlp_norm", "post_attention_layernorm.weight", D),
    );
    if (shape.qkNorm) {
      fused.push(
        vector("q_norm", "self_attn.q_norm.weight", HD),
        vector("k_norm", "self_attn.k_norm.weight", HD),
      );
    }
    for (const { key, module, projections, input } of layerMatrices(shape)) {
      const named = (kind: string) =>
        projections.map(({ name, rows }) =>
          [`${prefix}.${module}.${name}.${kind}`, rows] as const
        );
      fused.push(
        stack(
          `${layer}.${key}`,
          named("weight").map((part) => [...part, input]),
        ),
      );
      const biased = key === "qkv" ? shape.attentionBias : shape.outputBias;
      if (module === "self_attn" && biased) {
        fused.push(stack(`${layer}.${key}_bias`, named("bias")));
      }
    }
  }
  fused.push(stack("final_norm", [["model.norm.weight", D]]));
  if (!shape.tieEmbeddings) {
    fused.push(stack("head", [["lm_head.weight", V, D]], padded));
  }
  return fused;
}

/** What the model itself holds of its parameters: all, or all but its adapter's modules. */
export function baseLayout(
  shape: TransformerShape,
  lora?: LoraShape,
): readonly Fused[] {
  if (!lora) return modelLayout(shape);
  const whole = new Set(moduleLayout(shape, lora).map(({ key }) => key));
  // The table of a head that stays the embedding's, where that alone is trained apart from it.
  if (shape.tieEmbeddings && !lora.tied && !whole.has("head")) {
    whole.delete("embed");
  }
  return modelLayout(shape).filter(({ key }) => !whole.has(key));
}

/** The modules that an adapter holds whole, under PEFT's names. */
function moduleLayout(
  shape: TransformerShape,
  { modules = [], tied = false }: LoraShape,
): readonly Fused[] {
  const tieEmbeddings = shape.tieEmbeddings && tied;
  return modelLayout({ ...shape, tieEmbeddings })
    .filter(({ parts: [part] }) =>
      modules.some((module) => module === moduleOf(part!.name))
    )
    .map((fused) => ({
      ...fused,
      parts: fused.parts.map((part) => ({
        ...part,
        name: `${PEFT_PREFIX}${part.name}`,
      })),
    }));
}

/**
 * Rank of each projection with its padding: in fours, as kernels read; with dropout in sixteens, so that the A of a
 * projection can be bound alone.
 */
export function paddedRank({ rank, dropout = 0 }: LoraShape): number {
  return roundUp(rank, dropout > 0 ? 16 : 4);
}

/** Width of a fused matrix's adapter: the padded rank of each of its adapted projections. */
export function adapterWidth(matrix: LayerMatrix, lora: LoraShape): number {
  return adaptedProjections(matrix, lora).length * paddedRank(lora);
}

/** Those of a fused matrix's projections that are adapted, in order. */
export function adaptedProjections(
  matrix: LayerMatrix,
  lora: LoraShape,
): readonly Projection[] {
  return matrix.projections.filter(({ name }) => lora.targets.includes(name));
}

/**
 * An adapter's parameters under PEFT's names, its modules last. The A of a fused matrix's projections are stacked by rows,
 * `[width, in]`; their B stand on the diagonal of one `[out, width]` matrix that is zero elsewhere. Ranks
 * are padded with zeroes, which stay zero: their gradients are.
 */
export function adapterLayout(
  shape: TransformerShape,
  lora: LoraShape,
): readonly Fused[] {
  const rank = paddedRank(lora);
  const fused: Fused[] = [];
  for (let layer = 0; layer < shape.layers; layer++) {
    for (const matrix of layerMatrices(shape)) {
      const targets = adaptedProjections(matrix, lora);
      if (targets.length === 0) continue;
      const width = targets.length * rank;
      const outputs = matrix.projections.reduce(
        (sum, { rows }) => sum + rows,
        0,
      );
      const name = (target: string, kind: string) =>
        `${PEFT_PREFIX}model.layers.${layer}.${matrix.module}.${target}.lora_${kind}.weight`;
      fused.push({
        key: `${layer}.${matrix.key}.A`,
        matrix: true,
        rows: width,
        columns: matrix.input,
        parts: targets.map((target, i) => ({
          name: name(target.name, "A"),
          shape: [lora.rank, matrix.input],
          offset: i * rank * matrix.input,
          pitch: matrix.input,
        })),
      });
      let row = 0;
      const parts: Part[] = [];
      for (const { name: target, rows } of matrix.projections) {
        const i = targets.findIndex((other) => other.name === target);
        if (i >= 0) {
          parts.push({
            name: name(target, "B"),
            shape: [rows, lora.rank],
            offset: row * width + i * rank,
            pitch: width,
          });
        }
        row += rows;
      }
      fused.push({
        key: `${layer}.${matrix.key}.B`,
        matrix: true,
        rows: outputs,
        columns: width,
        parts,
      });
    }
  }
  fused.push(...moduleLayout(shape, lora));
  return fused;
}

/** Tensors stacked by rows, `[name, ...shape]` each, padded to `rows` rows. */
function stack(
  key: string,
  tensors: readonly (readonly [string, ...number[]])[],
  rows?: number,
): Fused {
  const matrix = tensors[0]!.length > 2;
  const sizes = tensors.map(([, ...shape]) =>
    shape.reduce((product, dim) => product * dim, 1)
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const columns = matrix ? tensors[0]![2]! : total;
  let offset = 0;
  const parts = tensors.map(([name, ...shape], i) => {
    const part = { name, shape, offset, pitch: columns };
    offset += sizes[i]!;
    return part;
  });
  return { key, parts, rows: rows ?? total / columns, columns, matrix };
}
