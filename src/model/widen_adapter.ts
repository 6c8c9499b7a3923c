import { type AdapterConfig, adapterScale } from "./adapter_config.ts";
import { adaptedMatrices } from "./adapter_shapes.ts";
import type { Adapter } from "./load_adapter.ts";
import type { ModelConfig } from "./model_config.ts";
import type { HostTensor } from "./tensor.ts";

/** The shape that is wanted, and of what model. */
export interface WidenAdapterOptions {
  readonly room: AdapterConfig;
  readonly model: ModelConfig;
}

/**
 * An adapter's tensors in a larger shape, in which they change the model alike: ranks are filled up with zeroes, so are
 * projections that it leaves alone, and B takes up the difference in scale.
 *
 * @returns Undefined where the shape is too small, or trains other modules.
 */
export function widenAdapter(
  { config, tensors }: Adapter,
  { room, model }: WidenAdapterOptions,
): readonly HostTensor[] | undefined {
  const fits = config.rank <= room.rank &&
    config.targets.every((target) => room.targets.includes(target)) &&
    modulesOf(config) === modulesOf(room);
  if (!fits) return undefined;
  const scale = adapterScale(config) / adapterScale(room);
  const rest = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const take = (name: string) => {
    const data = rest.get(name)?.data ?? new Float32Array();
    rest.delete(name);
    return data;
  };
  const factors = adaptedMatrices(model, room).flatMap(
    ({ A, B, out, in: columns }) => {
      const a = new Float32Array(room.rank * columns);
      a.set(take(A));
      const b = new Float32Array(out * room.rank);
      take(B).forEach((value, at) => {
        const row = Math.floor(at / config.rank);
        b[row * room.rank + at % config.rank] = scale * value;
      });
      return [
        { name: A, shape: [room.rank, columns], data: a },
        { name: B, shape: [out, room.rank], data: b },
      ];
    },
  );
  return [...factors, ...rest.values()];
}

function modulesOf({ modules = [], tied = false }: AdapterConfig): string {
  return [tied, ...[...modules].sort()].join();
}
