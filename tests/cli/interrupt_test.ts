import { assertEquals, assertMatch } from "../assert.ts";

const INTERRUPT = new URL("../../src/cli/interrupt.ts", import.meta.url);

/** A program that works until it is interrupted, and says what it hears. */
const PROGRAM = `
import { Interrupt } from ${JSON.stringify(INTERRUPT.href)};
using interrupt = new Interrupt("first", console.log);
const tick = setInterval(() => {}, 1000);
interrupt.stop.addEventListener("abort", () => console.log("stop"));
interrupt.kill.addEventListener("abort", () => {
  console.log("kill");
  if (Deno.args[0] !== "hang") clearInterval(tick);
});
console.log("ready");
await new Promise((resolve) =>
  interrupt.kill.addEventListener("abort", Deno.args[0] === "hang" ? () => {} : resolve)
);
`;

/** Runs the program, sends a signal after each line it is to wait for, and returns what it said. */
async function interrupted(
  signals: readonly (readonly [after: string, signal: Deno.Signal])[],
  argument: string,
): Promise<{ lines: string[]; code: number }> {
  await using child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `data:text/typescript,${encodeURIComponent(PROGRAM)}`,
      argument,
    ],
    stdout: "piped",
  }).spawn();
  const waiting = [...signals];
  let said = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    while (waiting[0] && said.includes(`${waiting[0][0]}\n`)) {
      child.kill(waiting.shift()![1]);
    }
  }
  const { code } = await child.status;
  return { lines: said.trim().split("\n"), code };
}

Deno.test({
  name: "Interrupt asks to end well first, and to end at once second",
  ignore: Deno.build.os === "windows",
  async fn() {
    const signals = [["ready", "SIGINT"], ["stop", "SIGTERM"]] as const;
    assertEquals(await interrupted(signals, "well"), {
      lines: ["ready", "first", "stop", "kill"],
      code: 0,
    });
  },
});

Deno.test({
  name: "Interrupt ends a process that does not end by itself",
  ignore: Deno.build.os === "windows",
  async fn() {
    const signals = [["ready", "SIGINT"], ["stop", "SIGINT"]] as const;
    const { lines, code } = await interrupted(signals, "hang");
    assertMatch(lines.join(" "), "kill");
    assertEquals(code, 130);
  },
});
