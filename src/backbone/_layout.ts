/** File of the optimizer's moments in a checkpoint. */
export const OPTIMIZER = "optimizer.safetensors";

/** File of the run's state in a checkpoint. */
export const STATE = "state.json";

/** Name of the folder of the checkpoint after `step`. */
export function folderOf(step: number): string {
  return `step-${String(step).padStart(6, "0")}`;
}

/** Steps of the checkpoints under `root`, in order; none where there is no such folder. */
export async function checkpointSteps(root: string): Promise<number[]> {
  const steps: number[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(root)) {
      const step = /^step-(\d+)$/.exec(name)?.[1];
      if (isDirectory && step !== undefined) steps.push(Number(step));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return steps.sort((a, b) => a - b);
}
