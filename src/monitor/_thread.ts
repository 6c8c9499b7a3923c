/** Measured: Deno can crash where the process ends while a terminated Worker's thread still does. */
const THREAD_END_MS = 300;

/** This thread's end of a Worker that answers each question with one message, in their order. */
export class Thread<Command, Report> {
  readonly #worker: Worker;
  readonly #asked: PromiseWithResolvers<Report>[] = [];
  /** Why nothing is answered any more. */
  #failure: Error | undefined;

  /** @param name Stands before the message of an error that ended the Worker: `"The dashboard"`. */
  constructor(worker: Worker, name: string) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Report>) =>
      this.#asked.shift()?.resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#failure ??= new Error(`${name} failed: ${event.message}`);
      for (const { reject } of this.#asked.splice(0)) reject(this.#failure);
    };
  }

  /** Tells the Worker something that it does not answer; buffers in `transfer` move there. */
  post(command: Command, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(command, transfer);
  }

  /**
   * Asks the Worker, and waits for its answer.
   *
   * @throws What ended the Worker, before or meanwhile.
   */
  async ask(command: Command): Promise<Report> {
    if (this.#failure) throw this.#failure;
    const asked = Promise.withResolvers<Report>();
    this.#asked.push(asked);
    this.post(command);
    return await asked.promise;
  }

  /** Ends the Worker, whatever it is doing. */
  async end(): Promise<void> {
    this.#worker.terminate();
    await new Promise((resolve) => setTimeout(resolve, THREAD_END_MS));
  }
}
