import { ModelError } from "../errors.ts";
import { type AdapterConfig, adapterScale } from "../model/mod.ts";

/** An adapter's shape, and where it comes from. */
export interface OtherShapeOptions {
  /** Its folder. */
  readonly folder: string;
  /** The shape that there is room for. */
  readonly room: AdapterConfig;
  /** Whose room that is, and what to do where another is needed. */
  readonly whose: string;
  readonly remedy: string;
}

/** @throws {ModelError} If an agent's own adapter has another shape than the one that agents share. */
export function checkOwnShape(
  config: AdapterConfig,
  { folder, shared, room }: Pick<OtherShapeOptions, "folder" | "room"> & {
    /** Folder of the shared one, whose shape `room` is. */
    readonly shared: string;
  },
): void {
  const [has, wanted] = [config, room].map(shapeText);
  if (has === wanted) return;
  throw otherShape(config, {
    folder,
    room,
    whose: `${shared}, which holds it,`,
    remedy: "the adapters of a run have one shape",
  });
}

/** What is said of an adapter that there is no room for. */
export function otherShape(
  config: AdapterConfig,
  { folder, room, whose, remedy }: OtherShapeOptions,
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
