"""Logprobs of token ids on standard input, a JSON list of lists, under MODEL with the ADAPTER that peft loads, or with
the adapter NAME that it loads beside it."""
import json
import sys
import warnings

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

# What it warns of, among others, is a table that is saved under one name of two.
warnings.simplefilter("error", UserWarning)
folder, adapter, *name = sys.argv[1:]
base = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
model = PeftModel.from_pretrained(base, adapter).eval()
for other in name:
    model.load_adapter(f"{adapter}/{other}", other)
    model.set_adapter(other)
rows = []
for tokens in json.load(sys.stdin):
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0, :-1].float()
    chosen = torch.tensor(tokens[1:])
    rows.append(logits.log_softmax(-1)[torch.arange(len(chosen)), chosen].tolist())
print(json.dumps(rows))
