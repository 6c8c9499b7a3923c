"""The work of real_shape.ts in PyTorch on the CPU: python tests/bench/real_shape.py FOLDER, with the folder that it made.

Needs torch and transformers. Seconds of each, in float32.
"""

import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM

SCORED, DECODED = 256, 16


def timed(what, work):
    begun = time.perf_counter()
    work()
    print(json.dumps({"what": what, "seconds": round(time.perf_counter() - begun, 2)}), flush=True)


def main():
    begun = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], torch_dtype=torch.float32)
    model.eval()
    print(json.dumps({"what": "load", "seconds": round(time.perf_counter() - begun, 2)}), flush=True)
    tokens = torch.arange(SCORED).mul(7919).remainder(model.config.vocab_size)[None]

    def score():
        with torch.no_grad():
            logits = model(tokens).logits[0, :-1]
            logits.log_softmax(-1).gather(-1, tokens[0, 1:, None])

    def decode():
        with torch.no_grad():
            out, past = tokens[:, :2], None
            for _ in range(DECODED):
                step = model(out[:, -1:] if past else out, past_key_values=past, use_cache=True)
                past = step.past_key_values
                out = torch.cat([out, step.logits[:, -1:].argmax(-1)], 1)

    for turn in ("first", "again"):
        timed(f"score {SCORED} tokens, {turn}", score)
        timed(f"decode {DECODED} tokens, {turn}", decode)


main()
