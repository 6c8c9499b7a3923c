/** A folder that is removed at the end of its scope. */
export class TestFolder implements Disposable {
  readonly path: string = Deno.makeTempDirSync();

  /** Writes files by their path within the folder; a path that ends in a slash makes a folder. */
  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  /** Writes one file and returns its path. */
  write(name: string, text: string): string {
    const path = `${this.path}/${name}`;
    const folder = path.slice(0, path.lastIndexOf("/"));
    Deno.mkdirSync(folder, { recursive: true });
    if (!name.endsWith("/")) Deno.writeTextFileSync(path, text);
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** A folder in which `run.yaml` is a config that needs nothing more. */
export function runFolder(extra = ""): TestFolder {
  return new TestFolder({
    "run.yaml": `model: { path: ./model }
workflow: { path: ./workflow.ts }
tasks: { train: ./train.jsonl }
${extra}`,
    "model/": "",
    "workflow.ts": "export default () => 1;",
    "train.jsonl": '{"query": "1 + 1"}\n',
  });
}
