import { ASTunerError, EngineError } from "../errors.ts";
import type { View } from "../gpu/mod.ts";
import type { Parameters } from "./parameters.ts";

/** The adapter of whoever names none; also the name of weights that are trained without one. */
export const DEFAULT_ADAPTER = "default";

/** An adapter, or null for none: the model as it was opened. */
export type AdapterName = string | null;

/** What a set keeps outside the arenas; nothing as long as it is the only one. */
interface Slot {
  /** Always up to date. */
  weights?: readonly View[];
  /** Up to date while another set's stand in the arenas. */
  m?: readonly View[];
  v?: readonly View[];
  /** Optimizer steps taken. */
  steps: number;
}

/**
 * Several sets of values for the same parameters, such as adapters of one shape, of which one at a time stands in the
 * arenas that all kernels are built over.
 *
 * Reading needs the weights alone, so `bind` copies them in and nothing out; AdamW's moments go out and in only where
 * another set is trained. A set that is alone has no copies and costs none.
 */
export class ParameterSets {
  readonly #parameters: Parameters;
  readonly #slots = new Map<AdapterName, Slot>();
  /** Whose weights stand in the arenas. */
  #bound: AdapterName = DEFAULT_ADAPTER;
  /** Whose moments do. */
  #trained: string = DEFAULT_ADAPTER;
  /** Whose gradients do; undefined where there are none. */
  #pending: string | undefined;

  /** @param parameters Their values are the set `DEFAULT_ADAPTER`. */
  constructor(parameters: Parameters) {
    this.#parameters = parameters;
    this.#slots.set(DEFAULT_ADAPTER, { steps: 0 });
  }

  has(name: AdapterName): boolean {
    return this.#slots.has(name);
  }

  /** The sets that are trained and served under a name of their own. */
  get names(): readonly string[] {
    return [...this.#slots.keys()].filter((name) => name !== null);
  }

  /**
   * Adds a set.
   *
   * @param fill Puts its weights into the arenas.
   */
  add(name: AdapterName, fill: () => void): void {
    this.#makeRoom(name);
    this.#bound = name;
    try {
      fill();
      this.keep();
    } catch (error) {
      this.remove(name);
      throw error;
    }
  }

  #makeRoom(name: AdapterName): void {
    const { gpu, trained } = this.#parameters;
    this.#slots.set(name, { steps: 0 });
    const several = this.names.length > 1;
    const item = name === null ? "reference" : "adapters at rest";
    gpu.account(item, () => {
      for (const [name, slot] of this.#slots) {
        // What was alone until now stands in the arenas.
        slot.weights ??= this.#parameters.snapshot();
        if (!trained || !several || name === null) continue;
        slot.m ??= this.#copies("m");
        slot.v ??= this.#copies("v");
      }
    });
  }

  #copies(buffer: "m" | "v"): readonly View[] {
    const { gpu, arenas } = this.#parameters;
    return arenas.map((arena) => gpu.buffer(arena[buffer].size));
  }

  /** Forgets a set and frees its memory; the default one stays. */
  remove(name: AdapterName): void {
    const slot = this.#slots.get(name);
    if (slot === undefined || name === DEFAULT_ADAPTER) return;
    if (this.#pending === name) this.clearGradients();
    if (this.#bound === name) this.bind(DEFAULT_ADAPTER);
    if (this.#trained === name) this.bindMoments(DEFAULT_ADAPTER);
    this.#slots.delete(name);
    const { gpu } = this.#parameters;
    for (const views of [slot.weights, slot.m, slot.v]) {
      for (const view of views ?? []) gpu.free(view);
    }
  }

  /**
   * Has the kernels read a set's weights from now on.
   */
  bind(name: AdapterName): void {
    if (this.#bound === name) return;
    this.#parameters.restore(this.#slot(name).weights!);
    this.#bound = name;
  }

  /** As `bind`, for AdamW's moments. */
  bindMoments(name: string): void {
    if (this.#trained === name) return;
    const { m, v } = this.#slot(name);
    const before = this.#slot(this.#trained);
    this.#copyOut("m", before.m!);
    this.#copyOut("v", before.v!);
    this.#copyIn("m", m!);
    this.#copyIn("v", v!);
    this.#trained = name;
  }

  /**
   * Claims the gradients, of which the arenas hold one set's at a time.
   *
   * @throws {ASTunerError} If another set's are there.
   */
  claimGradients(name: string): void {
    if (this.#pending !== undefined && this.#pending !== name) {
      throw new ASTunerError(
        `Cannot train adapter ${name}: gradients of adapter ${this.#pending} wait for their step`,
      );
    }
    this.#slot(name);
    this.#pending = name;
  }

  /** Says that the gradients were used up. */
  releaseGradients(): void {
    this.#pending = undefined;
  }

  /** Zeroes the gradients, whosever they are. */
  clearGradients(): void {
    this.#parameters.clearGradients();
    this.#pending = undefined;
  }

  /** Notes that the weights in the arenas were changed, as their set's. */
  keep(): void {
    const { weights } = this.#slot(this.#bound);
    if (weights) this.#parameters.snapshot(weights);
  }

  /** Optimizer steps that a set has taken. */
  stepsOf(name: string): number {
    return this.#slot(name).steps;
  }

  /** Sets {@linkcode stepsOf}. */
  setSteps(name: string, steps: number): void {
    this.#slot(name).steps = steps;
  }

  #slot(name: AdapterName): Slot {
    const slot = this.#slots.get(name);
    if (slot) return slot;
    throw new EngineError(`There is no adapter ${name}`);
  }

  #copyIn(buffer: "m" | "v", from: readonly View[]): void {
    const { gpu, arenas } = this.#parameters;
    gpu.copy(arenas.map((arena, i) => [from[i]!, arena[buffer]]));
  }

  #copyOut(buffer: "m" | "v", into: readonly View[]): void {
    const { gpu, arenas } = this.#parameters;
    gpu.copy(arenas.map((arena, i) => [arena[buffer], into[i]!]));
  }
}
