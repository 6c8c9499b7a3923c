import type { GemmPlanner, Gpu, View } from "../gpu/mod.ts";
import { UserError } from "../errors.ts";
import { type Step, StepBuilder } from "./builder.ts";
import { Dropout, type DropoutDraw } from "./dropout.ts";
import { embed, embedBackward } from "./embedding.ts";
import { layerActivations } from "./activations.ts";
import {
  type BatchViews,
  buildLayer,
  type Layer,
  type Scratch,
} from "./layer.ts";
import { LossHead } from "./loss_head.ts";
import { adapterScratch, type Weights } from "./linear.ts";
import type { ScoreGradients, TreeInput, TreeScores } from "./policy.ts";
import { RowCount, rowsPerBinding } from "./row_count.ts";
import { rotaryTable } from "./rotary.ts";
import { roundUp, type TransformerShape } from "./shape.ts";
import { planTargets } from "./targets.ts";
import { visibleTiles } from "./tiles.ts";

/** Which activations stay until the backward pass: all, those between layers, or none, since there will be none. */
export type Kept = "all" | "inputs" | "nothing";

/** Options of {@linkcode Transformer}. */
export interface TransformerOptions {
  /** Most nodes of a batch. */
  readonly maxNodes: number;
  /** What is not kept is made anew, layer by layer, in the backward pass. @default "all" */
  readonly kept?: Kept;
  /** Of the adapter's dropout. @default 0 */
  readonly seed?: number;
  /** Most bytes of a binding. @default the device's limit */
  readonly bindingBytes?: number;
}

/**
 * A decoder over token trees, forward and backward, with its activations.
 *
 * A batch is padded to a multiple of 64 tokens with trees of one token, which nothing sees and whose gradient is zero:
 * so every kernel runs over full tiles, and no row is ever garbage.
 */
export class Transformer {
  readonly #gpu: Gpu;
  readonly #capacity: number;
  readonly #shape: TransformerShape;
  readonly #rows: RowCount;
  readonly #batch: BatchViews;
  readonly #scratch: Scratch;
  readonly #embed: readonly Step[];
  readonly #embedBackward: readonly Step[];
  readonly #layers: readonly Layer[];
  readonly #kept: Kept;
  readonly #dropout: Dropout | undefined;
  readonly #head: LossHead;
  readonly #lookup: {
    readonly distinct: View;
    readonly order: View;
    readonly counts: View;
  };
  #padded = 0;
  #distinct = 0;

  constructor(
    planner: GemmPlanner,
    shape: TransformerShape,
    weights: Weights,
    options: TransformerOptions,
  ) {
    const { gpu } = planner;
    const { hiddenSize: D, heads: H, kvHeads: K, headDim: HD, feedForward: F } =
      shape;
    const {
      kept = "all",
      bindingBytes = gpu.device.limits.maxStorageBufferBindingSize,
    } = options;
    const T = this.#capacity = roundUp(options.maxNodes, 64);
    this.#kept = kept;
    this.#gpu = gpu;
    this.#shape = shape;
    const words = (count: number) => gpu.buffer(count * 4);
    const blockRows = rowsPerBinding(2 * F, bindingBytes);
    this.#rows = new RowCount(gpu, T, { blockRows });
    const block = this.#rows.blocks[0]!.capacity;
    this.#batch = {
      tokens: words(T),
      positions: words(T),
      visibleUntil: words(T),
      tileStart: words(T + 1),
      tileUntil: words(T),
      // Room for one sequence as long as the batch.
      tileList: words(tileCapacity(T, gpu.lanes)),
      // A tree is no deeper than the batch.
      rotary: gpu.upload(
        rotaryTable({
          ...shape,
          maxPositions: Math.min(shape.maxPositions, T),
        }),
      ),
    };
    const build = new StepBuilder(gpu, planner, shape, this.#rows);
    const rate = weights.adapter?.lora.dropout ?? 0;
    const dropout = this.#dropout = rate > 0
      ? new Dropout(gpu, {
        rate,
        seed: options.seed ?? 0,
        layers: shape.layers,
      })
      : undefined;
    const widest = Math.max(D, (H + 2 * K) * HD, 2 * HD);
    this.#scratch = {
      dx: words(T * D),
      dn: words(T * Math.max(D, H * HD)),
      dh: words(block * F),
      dgu: words(block * 2 * F),
      dqkv: words(T * (H + 2 * K) * HD),
      dqk: words(T * (H + K) * HD),
      delta: words(T * H),
      spare: words(Math.max(T * Math.max(D, H * HD), block * F)),
      partial: words(T / 64 * widest),
      ...(weights.adapter && {
        adapter: {
          ...adapterScratch(build, weights),
          ...(dropout && { dropout }),
        },
      }),
    };
    this.#lookup = {
      distinct: words(T * 4),
      order: words(T),
      counts: words(4),
    };
    let x = words(T * D);
    this.#embed = embed(build, weights, {
      tokens: this.#batch.tokens,
      stride: 1,
      x,
    });
    this.#embedBackward = embedBackward(build, weights, {
      ...this.#lookup,
      dx: this.#scratch.dx,
      groups: () => this.#distinct,
    });
    const layers: Layer[] = [];
    let activations = layerActivations(build, weights);
    for (let index = 0; index < shape.layers; index++) {
      if (kept === "all" && index > 0) {
        activations = layerActivations(build, weights);
      }
      const layer = buildLayer(build, weights, {
        index,
        x,
        // Without a backward pass, the residual stream goes back and forth between two buffers.
        output: kept === "nothing" && index > 1
          ? layers[index - 2]!.output
          : words(T * D),
        activations,
        batch: this.#batch,
        scratch: this.#scratch,
      });
      layers.push(layer);
      x = layer.output;
    }
    this.#layers = layers;
    const { dx, partial } = this.#scratch;
    this.#head = new LossHead(build, weights, {
      x,
      dx,
      partial,
      capacity: T,
    });
  }

  /** Most nodes of a batch. */
  get maxNodes(): number {
    return this.#capacity;
  }

  /**
   * Scores the targets of a batch; keeps what `backward` needs until the next call.
   *
   * @param draw What the adapter's dropout drops, here and in `backward`; nothing where absent.
   * @throws {UserError} If the batch is larger or deeper than this model was opened for.
   */
  async forward(input: TreeInput, draw?: DropoutDraw): Promise<TreeScores> {
    this.#load(input);
    this.#dropout?.set(draw);
    this.#gpu.submit((dispatch) => {
      for (const { op, grid } of this.#embed) dispatch(op, grid(this.#padded));
      for (const layer of this.#layers) {
        for (const { op, grid } of layer.forward) {
          dispatch(op, grid(this.#padded));
        }
      }
    });
    return await this.#head.scores(planTargets(input));
  }

  /** Adds to the weights' gradients for the batch of the last `forward`; returns once it is submitted. */
  backward(gradients: ScoreGradients): void {
    this.#gpu.clear([this.#scratch.dx]);
    this.#head.backward(gradients);
    this.#gpu.submit((dispatch) => {
      for (const layer of this.#layers.toReversed()) {
        // The last layer's activations still stand from the forward pass.
        const lost = this.#kept !== "all" && layer !== this.#layers.at(-1);
        const steps = [...lost ? layer.recompute : [], ...layer.backward];
        for (const { op, grid } of steps) dispatch(op, grid(this.#padded));
      }
      for (const { op, grid } of this.#embedBackward) {
        dispatch(op, grid(this.#padded));
      }
    });
  }

  #load({ tokens, positions, visibleUntil }: TreeInput): void {
    const gpu = this.#gpu, batch = this.#batch, N = tokens.length;
    const T = this.#padded = roundUp(Math.max(1, N), 64);
    if (T > this.#capacity) {
      throw new UserError(
        `A batch of ${N} nodes exceeds the ${this.#capacity} of train.max_nodes`,
      );
    }
    const deepest = positions.reduce(
      (most, position) => Math.max(most, position),
      0,
    );
    const { maxPositions } = this.#shape;
    const [most, whose] = maxPositions <= this.#capacity
      ? [maxPositions, "model"]
      : [this.#capacity, "batch"];
    if (deepest >= most) {
      throw new UserError(
        `A sequence of ${
          deepest + 1
        } tokens exceeds the ${whose}'s ${most} positions`,
      );
    }
    const stranger = tokens.find((token) => token >= this.#shape.vocabSize);
    if (stranger !== undefined) {
      throw new UserError(
        `Token id ${stranger} is outside the model's vocabulary of ${this.#shape.vocabSize}`,
      );
    }
    const until = new Uint32Array(T);
    until.set(visibleUntil);
    for (let i = N; i < T; i++) until[i] = i + 1;
    const tiles = visibleTiles(until, gpu.lanes);
    this.#rows.set(T);
    gpu.write(batch.tokens, padded(tokens, T));
    gpu.write(batch.positions, padded(positions, T));
    gpu.write(batch.visibleUntil, until);
    gpu.write(batch.tileStart, tiles.start);
    gpu.write(batch.tileList, tiles.list);
    gpu.write(batch.tileUntil, tiles.until);
    this.#sortTokens(tokens);
  }

  /** Sorts positions by token id for the embedding's gradient. */
  #sortTokens(tokens: Uint32Array): void {
    const order = Uint32Array.from(tokens, (_, i) => i).sort((a, b) =>
      tokens[a]! - tokens[b]! || a - b
    );
    const distinct: number[] = [];
    for (let first = 0; first < order.length;) {
      let last = first + 1;
      while (
        last < order.length && tokens[order[last]!] === tokens[order[first]!]
      ) last++;
      distinct.push(tokens[order[first]!]!, first, last, 0);
      first = last;
    }
    this.#distinct = distinct.length / 4;
    this.#gpu.write(this.#lookup.order, order);
    this.#gpu.write(this.#lookup.distinct, Uint32Array.from(distinct));
    this.#gpu.write(
      this.#lookup.counts,
      Uint32Array.of(this.#distinct, 0, 0, 0),
    );
  }
}

function padded(values: Uint32Array, length: number): Uint32Array {
  const out = new Uint32Array(length);
  out.set(values);
  return out;
}

/** Pairs of tiles of one sequence as long as the batch: the most there can be. */
function tileCapacity(T: number, lanes: number): number {
  const tiles = T / lanes;
  return tiles * (tiles + 1) / 2;
}
