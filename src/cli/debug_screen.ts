import {
  accountReport,
  type EpisodeAccount,
  groupReport,
} from "../monitor/debug/mod.ts";

/** Columns that are filled at most: longer lines are hard to read. */
const MAX_COLUMNS = 120;

/**
 * What a debugging user sees: reports on standard output, or one JSON object an episode, notes then
 * going to standard error. On a terminal, a last line says what is awaited.
 */
export class DebugScreen implements Disposable {
  /** Episodes that failed so far. */
  failed = 0;
  readonly #json: boolean;
  readonly #terminal = Deno.stdout.isTerminal();
  readonly #color = this.#terminal && !Deno.noColor;
  readonly #groups = new Map<string, EpisodeAccount[]>();
  #round = 1;
  #waiting: ReturnType<typeof setInterval> | undefined;
  /** Whether the last line is one that will go away. */
  #transient = false;

  /** @param json Whether another program reads. */
  constructor(json: boolean) {
    this.#json = json;
  }

  /** Another run begins, since `files` were saved. */
  round(files: string): void {
    this.#round++;
    this.#groups.clear();
    const time = new Date().toTimeString().slice(0, 8);
    this.note(`\n── ${time}  ${files} saved, run ${this.#round} ──`);
  }

  /** Says something beside the reports. */
  note(text: string): void {
    this.#settle();
    if (this.#json) console.error(text);
    else console.log(this.#color ? `\x1b[2m${text}\x1b[0m` : text);
  }

  /** Says what the user did wrong. */
  problem(text: string): void {
    this.#settle();
    if (this.#json) console.log(JSON.stringify({ event: "error", text }));
    else console.log(this.#color ? `\x1b[31m${text}\x1b[0m` : text);
  }

  /** Says how many episodes have ended. */
  progress(done: number, total: number): void {
    this.#settle();
    if (this.#json || !this.#terminal || done === total) return;
    const began = performance.now();
    this.#waiting = setInterval(() => {
      const seconds = Math.round((performance.now() - began) / 1000);
      this.#write(`\r\x1b[K${done} of ${total} episodes done, ${seconds}s …`);
      this.#transient = true;
    }, 1000);
  }

  /** Shows an episode, and its task's episodes together once the last one of them has ended. */
  episode(account: EpisodeAccount, episodes: number): void {
    this.#settle();
    if (account.error !== null) this.failed++;
    if (this.#json) {
      const head = { event: "episode", run: this.#round };
      console.log(JSON.stringify({ ...head, ...account }));
      return;
    }
    const options = { color: this.#color, columns: columns(), episodes };
    console.log(`\n${accountReport(account, options)}`);
    if (episodes === 1) return;
    const group = [...this.#groups.get(account.group) ?? [], account];
    this.#groups.set(account.group, group);
    if (group.length === episodes) this.note(`\n${groupReport(group)}`);
  }

  /** Leaves the terminal as it should be. */
  [Symbol.dispose](): void {
    this.#settle();
  }

  /** Takes away what is not to stay. */
  #settle(): void {
    clearInterval(this.#waiting);
    if (this.#transient) this.#write("\r\x1b[K");
    this.#transient = false;
  }

  #write(text: string): void {
    Deno.stdout.writeSync(new TextEncoder().encode(text));
  }
}

function columns(): number {
  try {
    return Math.min(MAX_COLUMNS, Deno.consoleSize().columns || 100);
  } catch {
    return 100; // standard output is no terminal
  }
}
