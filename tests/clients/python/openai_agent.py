"""A tool loop with openai's own client: in one piece, or streamed with `stream` as an argument."""
import json
import os
import sys

from openai import OpenAI

task = json.loads(os.environ["ASTUNER_TASK"])
client = OpenAI()
calls = []
tool = {"type": "function", "function": task["metadata"]["tool"]}
messages = [{"role": "user", "content": task["query"]}]
while True:
    asked = {
        "model": os.environ["OPENAI_MODEL"],
        "messages": messages,
        "tools": [tool],
    }
    if "stream" in sys.argv:
        with client.chat.completions.stream(**asked) as stream:
            completion = stream.get_final_completion()
    else:
        completion = client.chat.completions.create(**asked)
    message = completion.choices[0].message
    messages.append(message.to_dict())
    if not message.tool_calls:
        break
    for call in message.tool_calls:
        addends = json.loads(call.function.arguments)
        calls.append(addends)
        total = f"{addends['a'] + addends['b']:g}"
        messages.append(
            {"role": "tool", "tool_call_id": call.id, "content": total}
        )
metadata = {"calls": calls, "answer": message.content}
print(json.dumps({"reward": 1, "metadata": metadata}))
