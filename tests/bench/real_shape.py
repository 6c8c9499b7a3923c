"""The work of real_shape.ts in PyTorch on the CPU, in float32: python tests/bench/real_shape.py FOLDER [PARTS].

FOLDER is the one that it made, PARTS are of load,score,decode,train. Needs torch and transformers. Seconds of each,
under its names.
"""

import json
import math
import sys
import time

import torch
from transformers import AutoModelForCausalLM

SCORED, DECODED, TRAINED, RANK, SCALE = 256, 16, 1024, 16, 2.0
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Adapted(torch.nn.Module):
    """y = x·Wᵀ + scale · (x·Aᵀ)·Bᵀ, with W frozen."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear
        self.A = torch.nn.Parameter(torch.randn(RANK, linear.in_features) / math.sqrt(linear.in_features))
        self.B = torch.nn.Parameter(torch.zeros(linear.out_features, RANK))

    def forward(self, x):
        return self.linear(x) + SCALE * (x @ self.A.T) @ self.B.T


def adapt(model):
    """Puts an adapter over every projection, and gives back what is trained."""
    model.requires_grad_(False)
    for layer in model.model.layers:
        for module in (layer.self_attn, layer.mlp):
            for name in TARGETS:
                if hasattr(module, name):
                    setattr(module, name, Adapted(getattr(module, name)))
    return [p for p in model.parameters() if p.requires_grad]


def timed(what, work):
    begun = time.perf_counter()
    result = work()
    print(json.dumps({"what": what, "seconds": round(time.perf_counter() - begun, 3)}), flush=True)
    return result


def main():
    folder = sys.argv[1]
    parts = sys.argv[2].split(",") if len(sys.argv) > 2 else ["load", "score", "decode", "train"]
    model = timed("load", lambda: AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32))
    model.eval()

    def tokens(count):
        return torch.arange(count).mul(7919).remainder(model.config.vocab_size)[None]

    def logprobs(ids):
        return model(ids).logits[0, :-1].log_softmax(-1).gather(-1, ids[0, 1:, None])

    def score():
        with torch.no_grad():
            logprobs(tokens(SCORED))

    def decode():
        with torch.no_grad():
            out, past = tokens(2), None
            for _ in range(DECODED):
                step = model(out[:, -1:] if past else out, past_key_values=past, use_cache=True)
                past = step.past_key_values
                out = torch.cat([out, step.logits[:, -1:].argmax(-1)], 1)

    turns = ("first", "again")
    for turn in turns if "score" in parts else ():
        timed(f"score {SCORED} tokens, {turn}", score)
    for turn in turns if "decode" in parts else ():
        timed(f"decode {DECODED} tokens, {turn}", decode)
    if "train" not in parts:
        return
    optimizer = torch.optim.AdamW(adapt(model), lr=1e-4)

    def train():
        (-logprobs(tokens(TRAINED)).mean()).backward()
        optimizer.step()
        optimizer.zero_grad()

    for turn in turns:
        timed(f"LoRA step on {TRAINED} tokens, {turn}", train)


main()
