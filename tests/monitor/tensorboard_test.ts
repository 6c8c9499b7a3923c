import { crc32c, EventFileWriter } from "../../src/monitor/tensorboard/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";

const READ = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))
`;

/** A Python that has TensorBoard; undefined where there is none. */
const PYTHON = ["python3", Deno.env.get("ASTUNER_PYTHON") ?? ""].find(
  (python) => {
    try {
      const args = ["-c", "import tensorboard"];
      return python !== "" &&
        new Deno.Command(python, { args, stderr: "null" }).outputSync().success;
    } catch {
      return false;
    }
  },
);

async function withFile(test: (folder: string, path: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    using writer = await EventFileWriter.create(folder, { now: () => 1.7e12 });
    writer.show({ event: "note", text: "nothing" });
    for (const step of [1, 2, 300]) {
      const seconds = { rollout: 0.5, total: 1 };
      writer.show({
        event: "step",
        step,
        reward: step / 4,
        success: 0,
        kl: NaN,
        seconds,
      });
    }
    await test(folder, writer.path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("crc32c() gives the checksums of RFC 3720", () => {
  const of = (length: number, byte: (at: number) => number) =>
    crc32c(Uint8Array.from({ length }, (_, at) => byte(at)));
  assertEquals(of(32, () => 0), 0x8a9136aa);
  assertEquals(of(32, () => 0xff), 0x62a8ab43);
  assertEquals(of(32, (at) => at), 0x46dd794e);
  assertEquals(of(32, (at) => 31 - at), 0x113fdb5c);
  assertEquals(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

Deno.test("EventFileWriter frames every record with its length and checksums", () =>
  withFile(async (_, path) => {
    const bytes = await Deno.readFile(path);
    const view = new DataView(bytes.buffer);
    const unmasked = (at: number) => {
      const rotated = (view.getUint32(at, true) - 0xa282ead8) >>> 0;
      return ((rotated << 15) | (rotated >>> 17)) >>> 0;
    };
    let at = 0;
    let records = 0;
    for (; at < bytes.length; records++) {
      const length = Number(view.getBigUint64(at, true));
      assertEquals(unmasked(at + 8), crc32c(bytes.subarray(at, at + 8)));
      const record = bytes.subarray(at + 12, at + 12 + length);
      assertEquals(unmasked(at + 12 + length), crc32c(record));
      at += length + 16;
    }
    assertEquals([at, records], [bytes.length, 4]);
  }));

Deno.test({
  name: "EventFileWriter is read by TensorBoard",
  ignore: PYTHON === undefined,
  fn: () =>
    withFile(async (folder) => {
      const args = ["-c", READ, folder];
      const { stdout, success } = await new Deno.Command(PYTHON!, {
        args,
        stderr: "inherit",
      }).output();
      assertTrue(success);
      const read = JSON.parse(new TextDecoder().decode(stdout));
      assertEquals(read["train/reward"], [[1, 0.25], [2, 0.5], [300, 75]]);
      assertEquals(read["seconds/rollout"].length, 3);
      assertEquals(read["train/kl"], undefined);
    }),
});
