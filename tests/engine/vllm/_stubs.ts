import {
  openVllm,
  type OpenVllmOptions,
  type Sampling,
  type Vllm,
} from "../../../src/engine/mod.ts";
import { type StubOptions, StubVllm } from "./_stub_vllm.ts";

/** A stub, or several, and the engine before them. */
export interface TestVllm extends AsyncDisposable {
  readonly vllm: Vllm;
  readonly stubs: readonly StubVllm[];
  /** The first one. */
  readonly stub: StubVllm;
}

/** Opens an engine over stubs that all have the same options, with limits short enough for tests. */
export async function openTestVllm(
  stubOptions: StubOptions = {},
  options: Partial<OpenVllmOptions> & { readonly servers?: number } = {},
): Promise<TestVllm> {
  const { servers = 1, ...rest } = options;
  const stubs = Array.from(
    { length: servers },
    () => new StubVllm(stubOptions),
  );
  await using opening = new AsyncDisposableStack();
  for (const stub of stubs) opening.use(stub);
  const vllm = opening.use(
    await openVllm({
      urls: stubs.map(({ url }) => url),
      idleSeconds: 5,
      backoffSeconds: 0.005,
      patienceSeconds: 5,
      ...rest,
    }),
  );
  const open = opening.move();
  return {
    vllm,
    stubs,
    stub: stubs[0]!,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Sampling of the policy itself; id 2 ends a generation. */
export function sampling(changes: Partial<Sampling> = {}): Sampling {
  return {
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: 7,
    maxTokens: 40,
    stopTokens: [2],
    ...changes,
  };
}
