type Api = typeof import("../deps/opentelemetry.ts");

/** What is said of a span. */
export type Attributes = Readonly<
  Record<string, string | number | boolean | readonly string[]>
>;

/** A stretch of work that is being told of. */
export interface Span {
  /** Adds to what is said of it. */
  set(attributes: Attributes): void;
  /** Marks it as failed, for work that tells a failure without throwing. */
  fail(message: string): void;
}

/** Where further spans belong; see `place`. */
export type Place = ReturnType<Api["context"]["active"]> | undefined;

/** How a span is begun. */
export interface TracedOptions {
  /** What is known of it beforehand. */
  readonly attributes?: Attributes;
  /** Whether it asks another system, as a call asks a model. @default false */
  readonly client?: boolean;
  /** What it belongs to. @default whatever is being done here */
  readonly within?: Place;
}

const SILENT: Span = { set() {}, fail() {} };

let api: Api | undefined;

/** Switches spans on where Deno was told to export them; must be awaited before the first one. */
export async function openTelemetry(): Promise<void> {
  const variable = "OTEL_DENO";
  const { state } = await Deno.permissions.query({ name: "env", variable });
  if (state !== "granted") return;
  if (!["1", "true"].includes(Deno.env.get(variable) ?? "")) return;
  api ??= await import("../deps/opentelemetry.ts");
}

/** Where this is called from among the spans, for work that will be begun from elsewhere. */
export function place(): Place {
  return api?.context.active();
}

/**
 * Runs `work` as a span of that name; what it throws marks the span as failed, and goes on.
 *
 * Names and attributes of model calls follow the OpenTelemetry semantic conventions for GenAI.
 */
export async function traced<T>(
  name: string,
  { attributes = {}, client = false, within }: TracedOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  if (api === undefined) return await work(SILENT);
  const { context, SpanKind, SpanStatusCode, trace } = api;
  const kind = client ? SpanKind.CLIENT : SpanKind.INTERNAL;
  const parent = within ?? context.active();
  const span = trace.getTracer("astuner").startSpan(
    name,
    { attributes: { ...attributes } as never, kind },
    parent,
  );
  const fail = (message: string) =>
    void span.setStatus({ code: SpanStatusCode.ERROR, message });
  const told: Span = {
    set: (added) => void span.setAttributes({ ...added } as never),
    fail,
  };
  try {
    return await context.with(trace.setSpan(parent, span), () => work(told));
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    span.recordException(cause);
    span.setAttribute("error.type", cause.name);
    fail(cause.message);
    throw error;
  } finally {
    span.end();
  }
}
