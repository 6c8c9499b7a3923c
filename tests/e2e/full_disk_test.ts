import { UserError } from "../../src/errors.ts";
import { RecordReader, RecordWriter } from "../../src/monitor/records/mod.ts";
import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { generateGroups, tokenText } from "../monitor/_generated_run.ts";
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

/** Runs `test` in a folder of a file system of `size`; skips it where this user may not mount one. */
async function onDisk(
  t: Deno.TestContext,
  size: string,
  test: (disk: string) => Promise<void>,
): Promise<void> {
  const disk = await Deno.makeTempDir();
  const mounted = await mount(disk, size);
  try {
    await t.step({
      name: "on a small file system in memory",
      ignore: !mounted,
      fn: () => test(disk),
    });
  } finally {
    if (mounted) await sh("umount", disk);
    await Deno.remove(disk, { recursive: true });
  }
}

// Room for the checkpoint of step 2 (2 MB), none for another beside it.
Deno.test("train ends with a message on a full disk, and goes on once there is room", (t) =>
  onDisk(t, "3m", async (disk) => {
    const full = await runProgram([
      "train",
      ...["--run-dir", "run", "--steps", "6"],
      ...["--set", "checkpoint.every=2", ...SMALL],
    ], { cwd: disk });
    assertEquals(full.code, 2);
    assertMatch(full.stderr, /Cannot write .*: the disk is full/);

    await sh("mount", "-o", "remount,size=64m", disk);
    const resumed = await runProgram(["train", "--resume", "run"], {
      cwd: disk,
    });
    assertEquals(resumed.code, 0);
    const first = resumed.events.find(({ event }) => event === "step");
    assertEquals(first?.event === "step" && first.step, 3);
    assertEquals(resumed.events.at(-1)?.event, "done");
  }));

Deno.test("RecordWriter writes a batch whole or not at all on a full disk, and the next once there is room", (t) =>
  onDisk(t, "1m", async (disk) => {
    await using writer = await RecordWriter.open(disk, { tokenText });
    using reader = new RecordReader(disk);
    const options = { steps: 3, groups: 8, groupSize: 8, padding: 2000 };
    const batch = generateGroups(1, options);
    const small = { groups: batch.groups.slice(0, 1) };
    await writer.writeBatch({ step: 1, kind: "train", ...small });
    await assertRejects(
      () => writer.writeBatch({ step: 2, kind: "train", ...batch }),
      UserError,
      "records.sqlite: the disk is full; free some space and resume the run",
    );
    assertEquals(reader.episodes().total, 8);

    await sh("mount", "-o", "remount,size=64m", disk);
    await writer.writeBatch({ step: 2, kind: "train", ...batch });
    assertEquals(reader.episodes({ from: 2 }).total, 64);
  }));
