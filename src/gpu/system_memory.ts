/**
 * Bytes of memory that this process may still take: what the system has available, or what its control group leaves
 * where that is less.
 */
export function systemMemory(): number {
  const { available } = Deno.systemMemoryInfo();
  const limit = controlGroup("memory.max");
  const used = controlGroup("memory.current");
  return limit === undefined || used === undefined
    ? available
    : Math.min(available, limit - used);
}

/** A number of this process's control group (Linux, version 2); undefined where there is none. */
function controlGroup(name: string): number | undefined {
  try {
    const text = Deno.readTextFileSync(`/sys/fs/cgroup/${name}`).trim();
    return /^\d+$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}
