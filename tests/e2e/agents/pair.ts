import type { Task, Tuner, WorkflowOutput } from "../../../mod.ts";

/**
 * A solver, a critic who reads its answer, and a helper that has no adapter of its own. What they earn has nothing to do
 * with the task, so that rewards differ within a group whatever the model can do.
 */
export default async function pair(
  task: Task,
  tuner: Tuner,
): Promise<WorkflowOutput> {
  const ask = async (agent: string, content: string): Promise<string> => {
    const response = await fetch(`${tuner.baseUrl}/chat/completions`, {
      method: "POST",
      headers: {
        "authorization": `Bearer ${tuner.apiKey}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({
        model: `${tuner.model}:${agent}`,
        messages: [{ role: "user", content }],
        max_completion_tokens: 8,
      }),
    });
    const { choices } = await response.json();
    return choices[0].message.content ?? "";
  };
  const answer = await ask("solver", task.query);
  const verdict = await ask("critic", `${task.query} ${answer}`);
  const hint = await ask("helper", task.query);
  const earned = [answer, verdict, hint].map(({ length }) => length % 3);
  return { reward: earned.reduce((a, b) => a + b) / 6 };
}
