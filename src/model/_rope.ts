import type { Fields } from "./_fields.ts";
import type { ModelConfig, RopeScaling } from "./model_config.ts";

/** All that one of the supported kinds reads, or is known to leave aside. */
const NAMES = [
  "attention_factor",
  "beta_fast",
  "beta_slow",
  "factor",
  "high_freq_factor",
  "low_freq_factor",
  "mscale",
  "mscale_all_dim",
  "original_max_position_embeddings",
  "partial_rotary_factor",
  "rope_theta",
  "rope_type",
  "truncate",
  "type",
];

/**
 * RoPE's base and scaling, from `rope_parameters` (transformers 5) or from `rope_theta` and
 * `rope_scaling` (before).
 *
 * @throws {ModelError} If the scaling is not one of default, linear, llama3 and yarn, or differs between layers.
 */
export function parseRope(
  fields: Fields,
  maxPositions: number,
): Pick<ModelConfig, "ropeTheta" | "ropeScaling"> {
  const parameters = fields.object("rope_parameters");
  const before = fields.object("rope_scaling");
  if (parameters && before) {
    fields.refuse("rope_scaling", "is not supported beside rope_parameters");
  }
  const scaling = parameters ?? before;
  scaling?.onlyNames(NAMES);
  const ropeTheta = (scaling?.has("rope_theta") ? scaling : fields)
    .positive("rope_theta", 10_000);
  const ropeScaling = scaling && parseScaling(scaling, maxPositions);
  if (ropeScaling && fields.has("original_max_position_embeddings")) {
    fields.refuse(
      "original_max_position_embeddings",
      "is only supported as a part of rope_scaling or rope_parameters",
    );
  }
  return { ropeTheta, ...(ropeScaling && { ropeScaling }) };
}

function parseScaling(
  fields: Fields,
  maxPositions: number,
): RopeScaling | undefined {
  fields.only("partial_rotary_factor", 1);
  const key = fields.has("rope_type") ? "rope_type" : "type";
  const kind = fields.text(key, "default");
  switch (kind) {
    case "default":
      return undefined;
    case "linear":
      return { kind, factor: fields.positive("factor") };
    case "llama3":
      return {
        kind,
        factor: fields.positive("factor"),
        lowFreqFactor: fields.positive("low_freq_factor"),
        highFreqFactor: fields.positive("high_freq_factor"),
        originalMaxPositions: fields.size("original_max_position_embeddings"),
      };
    case "yarn": {
      for (const name of ["mscale", "mscale_all_dim"]) {
        if (fields.has(name)) fields.refuse(name, "is not supported");
      }
      const factor = fields.positive("factor");
      return {
        kind,
        factor,
        originalMaxPositions: fields.size(
          "original_max_position_embeddings",
          maxPositions,
        ),
        betaFast: fields.positive("beta_fast", 32),
        betaSlow: fields.positive("beta_slow", 1),
        attentionFactor: fields.positive(
          "attention_factor",
          factor > 1 ? 0.1 * Math.log(factor) + 1 : 1,
        ),
        truncate: fields.flag("truncate", true),
      };
    }
    default:
      return fields.refuse(
        key,
        "is not supported (default, linear, llama3 and yarn are)",
      );
  }
}
