import type { PlanStore } from "./gemm_planner.ts";

/**
 * Keeps plans in `astuner/plans.json` of the user's cache folder. Where that cannot be read or written, plans
 * are simply timed again: a cache never stands in the way.
 */
export function planFile(): PlanStore {
  return {
    load: (key) => read()[key],
    save(key, text) {
      const path = location();
      if (path === undefined) return;
      try {
        Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), {
          recursive: true,
        });
        const draft = `${path}.${crypto.randomUUID()}`;
        Deno.writeTextFileSync(
          draft,
          JSON.stringify({ ...read(), [key]: text }, null, 2),
        );
        Deno.renameSync(draft, path);
      } catch {
        // Not worth a word: the next run times them again.
      }
    },
  };
}

function read(): Record<string, string> {
  const path = location();
  try {
    const kept: unknown = path && JSON.parse(Deno.readTextFileSync(path));
    return Object.fromEntries(
      Object.entries(kept instanceof Object ? kept : {}).filter(([, text]) =>
        typeof text === "string"
      ),
    );
  } catch {
    return {};
  }
}

function location(): string | undefined {
  try {
    const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE");
    const cache = Deno.env.get("XDG_CACHE_HOME") ?? (home && `${home}/.cache`);
    return cache && `${cache}/astuner/plans.json`;
  } catch {
    return undefined;
  }
}
