import type { Fields } from "./_fields.ts";
import type { ModelConfig, RopeScaling } from "./model_config.ts";

/**
 * RoPE's base and scaling, from `rope_parameters` (transformers 5) or from `rope_theta` and
 * `rope_scaling` (before).
 *
 * @throws {ModelError} If the scaling is not one of default, linear, llama3 and yarn.
 */
export function parseRope(
  fields: Fields,
  maxPositions: number,
): Pick<ModelConfig, "ropeTheta" | "ropeScaling"> {
  const parameters = fields.object("rope_parameters");
  const ropeTheta = (parameters?.has("rope_theta") ? parameters : fields)
    .positive("rope_theta", 10_000);
  const scaling = parameters ?? fields.object("rope_scaling");
  const ropeScaling = scaling && parseScaling(scaling, maxPositions);
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
