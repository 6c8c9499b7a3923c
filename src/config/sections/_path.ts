import { z } from "../../deps/zod.ts";

/** A file or folder that must be there; relative to the YAML file that names it. */
export function inputPath(example: string): z.ZodString {
  return z.string().min(1).meta({
    format: "path",
    mustExist: true,
    examples: [example],
  });
}

/** A file or folder that may yet have to be made; relative to the YAML file that names it. */
export function anyPath(): z.ZodString {
  return z.string().min(1).meta({ format: "path" });
}

/** A folder that must be there, or a model's name on the Hub. */
export function modelPath(example: string): z.ZodString {
  return z.string().min(1).meta({
    format: "model",
    mustExist: true,
    examples: [example],
  });
}
