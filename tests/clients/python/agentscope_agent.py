"""AgentScope's ReAct agent with a tool; its model streams by default."""
import asyncio
import json
import os

from agentscope.agent import Agent, ReActConfig
from agentscope.credential import OpenAICredential
from agentscope.message import UserMsg
from agentscope.model import OpenAIChatModel
from agentscope.permission import PermissionBehavior, PermissionDecision
from agentscope.tool import FunctionTool, Toolkit

task = json.loads(os.environ["ASTUNER_TASK"])
calls = []


def add(a: float, b: float) -> str:
    """Adds two numbers.

    Args:
        a: One number.
        b: The other.
    """
    calls.append({"a": a, "b": b})
    return f"{a + b:g}"


model = OpenAIChatModel(
    OpenAICredential(
        api_key=os.environ["OPENAI_API_KEY"],
        base_url=os.environ["OPENAI_BASE_URL"],
    ),
    os.environ["OPENAI_MODEL"],
)
allowed = PermissionDecision(behavior=PermissionBehavior.ALLOW, message="")
agent = Agent(
    "adder",
    "You add numbers.",
    model,
    Toolkit([FunctionTool(add, permission=allowed)]),
    react_config=ReActConfig(max_iters=30),
)
reply = asyncio.run(agent.reply(UserMsg("user", task["query"])))
metadata = {"calls": calls, "answer": reply.get_text_content()}
print(json.dumps({"reward": 1, "metadata": metadata}))
