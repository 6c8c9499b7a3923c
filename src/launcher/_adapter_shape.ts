import { ModelError } from "../errors.ts";
import { type AdapterConfig, adapterScale } from "../model/mod.ts";

/** An adapter's shape, and where it comes from. */
export interface CheckShapeOptions {
  /** Its folder. */
  readonly folder: string;
  /** The shape that there is room for. */
  readonly room: AdapterConfig;
  /** Whose room that is, and what to do where another is needed. */
  readonly whose: string;
  readonly remedy: string;
}

/** @throws {ModelError} If an adapter has another shape than there is room for. */
export function checkShape(
  config: AdapterConfig,
  options: CheckShapeOptions,
): void {
  const [has, wanted] = [config, options.room].map(shapeText);
  if (has !== wanted) throw otherShape(config, options);
}

/** What is said of an adapter that there is no room for. */
export function otherShape(
  config: AdapterConfig,
  { folder, room, whose, remedy }: CheckShapeOptions,
): ModelError {
  const [has, wanted] = [config, room].map(shapeText);
  return new ModelError(
    `${folder} is an adapter of ${has}, and ${whose} has ${wanted}: ${remedy}`,
  );
}

function shapeText(config: AdapterConfig): string {
  return `rank ${config.rank} and scale ${adapterScale(config)} over ${
    [...config.targets].sort().join(", ")
  }${
    config.modules
      ? `, with ${config.tied ? "one table of " : ""}${
        config.modules.join(", ")
      } whole`
      : ""
  }`;
}
