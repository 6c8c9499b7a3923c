/** Where trained weights go, so that an engine in another process serves them. */
export interface WeightSink {
  /** What a published folder holds: a LoRA adapter in PEFT's layout, or a whole model in Hugging Face's. */
  readonly kind: "lora" | "full";

  /** Published folders that a server which is started again would read; others may go. */
  readonly folders: readonly string[];

  /**
   * Has every server load the weights in `folder` and serve them as policy version `version`.
   *
   * Generations that begin once the promise has resolved sample from them; those under way end with
   * the weights that they began with. The folder stays as it is for as long as `folders` has it.
   *
   * @param version Larger than every version before it.
   * @throws {EngineError} If a server cannot load them, or does not serve them afterwards.
   */
  publish(folder: string, version: number): Promise<void>;
}
