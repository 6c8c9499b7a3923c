import { z } from "../deps/zod.ts";
import { configSchema } from "./schema.ts";

/** The JSON Schema (2020-12) of the YAML, for editors and other programs. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(configSchema, { io: "input" });
}
