import { join } from "node:path";
import { assertEquals, assertMatch } from "../assert.ts";
import { runProgram, SMALL } from "./_program.ts";

/** Mounts a file system of `size` in memory; false where this user may not. */
async function mount(folder: string, size: string): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const args = ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder];
  return (await new Deno.Command("mount", { args, stderr: "null" }).output())
    .success;
}

async function sh(command: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(command, { args }).output();
  assertEquals(success, true, [command, ...args].join(" "));
}

Deno.test("train ends with a message on a full disk, and goes on once there is room", async (t) => {
  const folder = await Deno.makeTempDir();
  const disk = join(folder, "disk");
  await Deno.mkdir(disk);
  // Room for the checkpoint of step 2 (2 MB), none for another beside it.
  const mounted = await mount(disk, "3m");
  try {
    await t.step({
      name: "on a small file system in memory",
      ignore: !mounted,
      async fn() {
        const full = await runProgram([
          "train",
          ...["--run-dir", "disk/run", "--steps", "6"],
          ...["--set", "checkpoint.every=2", ...SMALL],
        ], { cwd: folder });
        assertEquals(full.code, 2);
        assertMatch(full.stderr, /Cannot write .*: the disk is full/);

        await sh("mount", "-o", "remount,size=64m", disk);
        const resumed = await runProgram(["train", "--resume", "disk/run"], {
          cwd: folder,
        });
        assertEquals(resumed.code, 0);
        const first = resumed.events.find(({ event }) => event === "step");
        assertEquals(first?.event === "step" && first.step, 3);
        assertEquals(resumed.events.at(-1)?.event, "done");
      },
    });
  } finally {
    if (mounted) await sh("umount", disk);
    await Deno.remove(folder, { recursive: true });
  }
});
