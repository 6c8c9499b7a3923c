import { dirname, extname, relative, sep } from "node:path";

/** What is watched. */
export interface Watched {
  /** Folders with all that is in them, but for files that no program reads. */
  readonly folders: readonly string[];
  /** Files, wherever they are. */
  readonly files: readonly string[];
}

/** Files of these kinds are code, prompts or data. */
const KINDS = new Set(
  "cjs cts js json jsonl jsx jinja md mjs mts py toml ts tsx txt yaml yml"
    .split(" ").map((kind) => `.${kind}`),
);

/** Folders that programs write into. */
const PASSED_OVER = new Set(["node_modules", "runs", "__pycache__"]);

/** Editors save in several steps. */
const SETTLE_MS = 30;

/** Tells when files are saved. */
export class FileWatcher implements Disposable {
  #watched: Watched = { folders: [], files: [] };
  #watchers: Deno.FsWatcher[] = [];
  #changed = new Set<string>();
  #settling: ReturnType<typeof setTimeout> | undefined;
  #next = Promise.withResolvers<readonly string[]>();

  /** Watches these from now on, and nothing else. */
  watch(watched: Watched): void {
    if (JSON.stringify(watched) === JSON.stringify(this.#watched)) return;
    this.#watched = watched;
    const before = this.#watchers;
    // A file is often saved by putting another in its place, so its folder is what is watched.
    const beside = new Set(watched.files.map(dirname));
    this.#watchers = [
      ...watched.folders.map((folder) => this.#open(folder, true)),
      ...[...beside].map((folder) => this.#open(folder, false)),
    ].filter((watcher) => watcher !== undefined);
    for (const watcher of before) watcher.close();
  }

  /** The files saved since the last time that this resolved. */
  next(): Promise<readonly string[]> {
    return this.#next.promise;
  }

  /** Watches no more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#settling);
    for (const watcher of this.#watchers) watcher.close();
  }

  /** @returns Undefined where there is no such folder, as with an import that leads nowhere. */
  #open(folder: string, recursive: boolean): Deno.FsWatcher | undefined {
    try {
      const watcher = Deno.watchFs(folder, { recursive });
      void this.#listen(watcher);
      return watcher;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  async #listen(watcher: Deno.FsWatcher): Promise<void> {
    for await (const { kind, paths } of watcher) {
      if (kind === "access") continue;
      const wanted = paths.filter((path) => this.#wants(path));
      if (wanted.length === 0) continue;
      for (const path of wanted) this.#changed.add(path);
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => this.#tell(), SETTLE_MS);
    }
  }

  #wants(path: string): boolean {
    const { files, folders } = this.#watched;
    if (files.includes(path)) return true;
    return folders.some((folder) => {
      const parts = relative(folder, path).split(sep);
      return KINDS.has(extname(path)) &&
        !parts.some((part) => part.startsWith(".") || PASSED_OVER.has(part));
    });
  }

  #tell(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers();
    resolve(changed);
  }
}
