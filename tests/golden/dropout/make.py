"""Reference numbers for LoRA dropout: writes dropout.json beside this file.

PEFT's own layers, over the models and adapters of ../peft/peft.json, with dropout modules that take their masks from
the counters that kernels/dropout.wgsl describes.

Run: python tests/golden/dropout/make.py   (numpy, torch, transformers, peft, safetensors)
"""

import base64
import json
import pathlib
import tempfile

import numpy
import peft
import safetensors.torch
import torch
import transformers

HERE = pathlib.Path(__file__).parent
SEED, STEP, P = 4_000_000_007, 5, 0.25
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj",
               "gate_proj", "up_proj", "down_proj"]


def philox(counter, key):
    """Philox4x32-10 (Salmon et al., SC 2011) over arrays of counters: four words for each."""
    c = [numpy.asarray(word, dtype=numpy.uint64) for word in counter]
    k = [numpy.uint64(word) for word in key]
    low, shift = numpy.uint64(0xFFFFFFFF), numpy.uint64(32)
    for _ in range(10):
        a = numpy.uint64(0xD2511F53) * c[0]
        b = numpy.uint64(0xCD9E8D57) * c[2]
        c = [(b >> shift) ^ c[1] ^ k[0], b & low,
             (a >> shift) ^ c[3] ^ k[1], a & low]
        k = [(k[0] + numpy.uint64(0x9E3779B9)) & low,
             (k[1] + numpy.uint64(0xBB67AE85)) & low]
    return numpy.stack(numpy.broadcast_arrays(*c), -1)


class Dropout(torch.nn.Module):
    """Inverted dropout of the rows that `place` says, in the pass that it says."""

    def __init__(self, stream, place):
        super().__init__()
        self.stream, self.place = stream, place

    def forward(self, x):
        rows = numpy.array(self.place["rows"])[:, None]
        columns = numpy.arange(x.shape[-1] // 4)[None, :]
        words = philox([columns, rows, self.stream, self.place["pass"]],
                       [SEED, STEP])
        kept = words.reshape(len(rows), -1) >= int(P * 2**32)
        return x * torch.from_numpy(kept) / (1 - P)


def unpack_file(folder, name, data):
    (folder / name).write_bytes(base64.b64decode(data))


def load(golden, folder):
    """The model of `golden` under its adapter, and where its dropout modules look."""
    base, adapter = folder / "base", folder / "adapter"
    base.mkdir()
    adapter.mkdir()
    (base / "config.json").write_text(json.dumps(golden["config"]))
    (adapter / "adapter_config.json").write_text(
        json.dumps(golden["adapterConfig"] | {"lora_dropout": P}))
    unpack_file(base, "model.safetensors", golden["weights"])
    unpack_file(adapter, "adapter_model.safetensors", golden["adapter"])
    model = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(
            base, attn_implementation="eager"),
        adapter, is_trainable=True).train()
    place, replaced = {}, 0
    for name, module in model.named_modules():
        if not hasattr(module, "lora_dropout"):
            continue
        assert isinstance(module.lora_dropout["default"], torch.nn.Dropout)
        parts = name.split(".")
        layer = int(parts[parts.index("layers") + 1])
        stream = len(PROJECTIONS) * layer + PROJECTIONS.index(parts[-1])
        module.lora_dropout["default"] = Dropout(stream, place)
        replaced += 1
    assert replaced == 2 * len(golden["adapterConfig"]["target_modules"])
    return model, place


def logprobs(model, tokens):
    """Logprob of every token but the first, given those before it."""
    logits = model(torch.tensor([tokens])).logits[0, :-1].float()
    chosen = torch.tensor(tokens[1:])
    return logits.log_softmax(-1)[torch.arange(len(chosen)), chosen]


def passes(golden):
    """Two batches by their sequences, each token with its row: a prompt with two answers, and sequences apart."""
    first, second = golden["sequences"]
    answer = second[:5] + first[:7]
    fork = [
        {"tokens": second, "rows": list(range(len(second)))},
        {"tokens": answer,
         "rows": [*range(5), *range(len(second), len(second) + 7)]},
    ]
    apart = [
        {"tokens": first, "rows": list(range(len(first)))},
        {"tokens": second,
         "rows": list(range(len(first), len(first) + len(second)))},
    ]
    return [fork, apart]


def numbers(golden):
    with tempfile.TemporaryDirectory() as temporary:
        model, place = load(golden, pathlib.Path(temporary))
        result = []
        for index, sequences in enumerate(passes(golden)):
            scored = []
            for sequence in sequences:
                place.update({"rows": sequence["rows"], "pass": index})
                new = logprobs(model, sequence["tokens"])
                (-new.sum()).backward()
                scored.append({**sequence, "logprobs": new.tolist()})
            result.append(scored)
        gradients = {
            name.replace(".default.", "."): p.grad.contiguous()
            for name, p in model.named_parameters() if p.requires_grad}
    data = safetensors.torch.save(gradients, {"format": "pt"})
    return {"name": golden["name"], "passes": result,
            "gradients": base64.b64encode(data).decode()}


def main():
    assert [f"{word:08x}" for word in philox([0, 0, 0, 0], [0, 0])] == [
        "6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]  # Random123's known answer
    models = json.loads((HERE.parent / "peft" / "peft.json").read_text())["models"]
    result = {
        "versions": {m.__name__: m.__version__ for m in (
            numpy, torch, transformers, peft)},
        "seed": SEED, "step": STEP, "dropout": P,
        "models": [numbers(golden) for golden in models],
    }
    (HERE / "dropout.json").write_text(json.dumps(result) + "\n")


main()
