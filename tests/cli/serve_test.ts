import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ENV = { NO_COLOR: "1" };

Deno.test("astuner serve speaks the OpenAI protocol until Ctrl-C", async () => {
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "cli.ts", "serve", "--port", "0"],
    cwd: ROOT,
    env: ENV,
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await output.read();
  const url = /^Serving model at (http:\S+\/v1)\n$/.exec(value)?.[1];
  assertTrue(url, value);

  const response = await fetch(`${url}/chat/completions`, {
    method: "POST",
    body: JSON.stringify({
      model: "model",
      messages: [{
        role: "user",
        content: "Tom has 2 coins and finds 3. How many?",
      }],
      max_tokens: 4,
    }),
  });
  const { usage } = await response.json();
  assertEquals(response.status, 200);
  assertTrue(usage.completion_tokens <= 4);

  child.kill("SIGINT");
  assertEquals((await child.status).code, 0);
  await output.cancel();
});

Deno.test("astuner chat answers each line of standard input", async () => {
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "cli.ts", "chat", "--set", "rollout.max_tokens=4"],
    cwd: ROOT,
    env: ENV,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode("2 coins\n3 coins\n\nnot read\n"));
  await input.close();
  const { code, stdout, stderr } = await child.output();
  assertMatch(new TextDecoder().decode(stderr), "Talking to model");
  assertEquals(code, 0);
  assertTrue(new TextDecoder().decode(stdout).split("\n").length >= 3);
});

Deno.test("astuner chat ends at Ctrl-C while it waits for a line", async () => {
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "cli.ts", "chat"],
    cwd: ROOT,
    env: ENV,
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !text.includes("Talking to model");) {
    const { done, value } = await said.read();
    assertTrue(!done, text);
    text += value;
  }
  child.kill("SIGINT");
  assertEquals((await child.status).code, 130);
  await said.cancel();
  await child.stdin.close();
});
