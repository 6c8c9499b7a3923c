"""A tool loop with Anthropic's own client: in one piece, or streamed with `stream` as an argument."""
import json
import os
import sys

from anthropic import Anthropic

task = json.loads(os.environ["ASTUNER_TASK"])
client = Anthropic()
calls = []
tool = dict(task["metadata"]["tool"])
tool["input_schema"] = tool.pop("parameters")
messages = [{"role": "user", "content": task["query"]}]
while True:
    asked = {
        "model": os.environ["OPENAI_MODEL"],
        "max_tokens": 1000,
        "messages": messages,
        "tools": [tool],
    }
    if "stream" in sys.argv:
        with client.messages.stream(**asked) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**asked)
    messages.append({"role": "assistant", "content": message.content})
    uses = [block for block in message.content if block.type == "tool_use"]
    if not uses:
        break
    results = []
    for use in uses:
        calls.append(use.input)
        total = f"{use.input['a'] + use.input['b']:g}"
        results.append(
            {"type": "tool_result", "tool_use_id": use.id, "content": total}
        )
    messages.append({"role": "user", "content": results})
metadata = {"calls": calls, "answer": message.content[0].text}
print(json.dumps({"reward": 1, "metadata": metadata}))
