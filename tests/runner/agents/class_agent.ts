import type { Task } from "../../../src/reader/mod.ts";
import {
  type Tuner,
  Workflow,
  type WorkflowOutput,
} from "../../../src/runner/mod.ts";
import { OpenAI } from "./client.ts";

/** Asks the model once and leaves the reward to the judge. */
export default class Agent extends Workflow {
  #turns = 0;

  override async execute(task: Task, tuner: Tuner): Promise<WorkflowOutput> {
    const client = new OpenAI({ baseURL: tuner.baseUrl, apiKey: tuner.apiKey });
    const completion = await client.chat.completions.create({
      model: tuner.agent("solver").model,
      messages: [{ role: "user", content: task.query }],
    }, { signal: tuner.signal });
    this.#turns++;
    return {
      metadata: { answer: completion.choices[0]!.message.content },
      metrics: { turns: this.#turns },
    };
  }
}
