// Spans of a run. Deno sends them where OTEL_DENO=true; loaded only then.
export {
  context,
  SpanKind,
  SpanStatusCode,
  trace,
} from "npm:@opentelemetry/api@1.10.0";
