import type { Task, Tuner, WorkflowOutput } from "../../../mod.ts";

/** A talk of three turns, whose history is sent back as it came; what it earns has nothing to do with the task. */
export default async function turns(
  task: Task,
  tuner: Tuner,
): Promise<WorkflowOutput> {
  const messages: { role: string; content: string }[] = [];
  let said = 0;
  for (const content of [task.query, "And\n2? 日本 😀", "So?"]) {
    messages.push({ role: "user", content });
    const response = await fetch(`${tuner.baseUrl}/chat/completions`, {
      method: "POST",
      headers: {
        "authorization": `Bearer ${tuner.apiKey}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({
        model: tuner.model,
        messages,
        max_completion_tokens: 8,
      }),
    });
    const { choices } = await response.json();
    messages.push(choices[0].message);
    said += choices[0].message.content.length;
  }
  return { reward: (said % 7) / 6 };
}
