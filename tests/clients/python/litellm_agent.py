"""A tool loop with litellm: in one piece, or streamed with `stream` as an argument."""
import json
import os
import sys

import litellm

task = json.loads(os.environ["ASTUNER_TASK"])
calls = []
tool = {"type": "function", "function": task["metadata"]["tool"]}
messages = [{"role": "user", "content": task["query"]}]
while True:
    completion = litellm.completion(
        model=f"openai/{os.environ['OPENAI_MODEL']}",
        api_base=os.environ["OPENAI_BASE_URL"],
        messages=messages,
        tools=[tool],
        stream="stream" in sys.argv,
    )
    if "stream" in sys.argv:
        completion = litellm.stream_chunk_builder(list(completion))
    message = completion.choices[0].message
    messages.append(message.model_dump())
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
