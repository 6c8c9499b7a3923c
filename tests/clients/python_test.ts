import { fileURLToPath } from "node:url";
import { ProcessRunner } from "../../src/runner/mod.ts";
import { finished, play, task } from "../runner/_helpers.ts";
import { ADD, type Addends, checkAgent, QUESTION } from "./_tool_agent.ts";

// ASTUNER_PYTHON=PATH deno task test:python: a Python 3.11 with agentscope==2.0.11, openai==3.57.0, anthropic==2.14.0
// and litellm==1.110.2. Without it, these tests are counted as ignored.
const PYTHON = Deno.env.get("ASTUNER_PYTHON");

const AGENTS = {
  "AgentScope's ReAct agent": ["agentscope_agent.py"],
  "Python's openai": ["openai_agent.py"],
  "Python's openai, streamed,": ["openai_agent.py", "stream"],
  "Python's anthropic": ["anthropic_agent.py"],
  "Python's anthropic, streamed,": ["anthropic_agent.py", "stream"],
  "litellm": ["litellm_agent.py"],
  "litellm, streamed,": ["litellm_agent.py", "stream"],
};

for (const [name, [file, ...args]] of Object.entries(AGENTS)) {
  Deno.test({
    name: `20 turns of ${name} in a process workflow stay one timeline`,
    ignore: PYTHON === undefined,
    fn: () =>
      checkAgent(async ({ session }, add) => {
        const path = fileURLToPath(new URL(`python/${file}`, import.meta.url));
        await using runner = new ProcessRunner({
          command: [PYTHON!, path, ...args],
        });
        const { baseUrl, apiKey, model } = session;
        const { metadata } = finished(
          await play(runner, task(QUESTION, { tool: ADD }), {
            endpoint: { baseUrl, apiKey, model },
          }),
        );
        for (const call of metadata.calls as Addends[]) add(call);
        return metadata.answer as string;
      }),
  });
}
