// YAML with line numbers in errors; stands where `@std/yaml` (JSR only) would.
export {
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parse,
  parseDocument,
  stringify,
} from "npm:yaml@2.9.1";
export type { Document, Node } from "npm:yaml@2.9.1";
