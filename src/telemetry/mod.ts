/**
 * Telemetry: what a run does as OpenTelemetry spans, sent by Deno's own exporter.
 *
 * On where the program was started with `OTEL_DENO=true` (`OTEL_EXPORTER_OTLP_ENDPOINT` says where
 * to; the compiled binary has that switch baked in); otherwise nothing is loaded, and `traced` only
 * runs its work. A run holds its steps, a step its stages and the batch begun in it, a batch its
 * episodes, an episode its calls; calls and episodes are named by the GenAI semantic conventions.
 *
 * @module
 */
export {
  type Attributes,
  openTelemetry,
  type Place,
  place,
  type Span,
  traced,
  type TracedOptions,
} from "./traced.ts";
