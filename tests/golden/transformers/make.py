"""Writes golden.json: tiny Qwen3, Qwen2 and Llama decoders as Hugging Face transformers runs and PyTorch trains them.

Run with a Python that has torch and transformers:  python tests/golden/transformers/make.py

Weights are not stored: both sides make them from a hash of each tensor's name (`hashed` here and in
tests/gpu/_hashed.ts, `hashed_tensor` here and in tests/nn/_hashed_model.ts). Gradients and trained weights are stored
as norms and as products with four hashed vectors a tensor.
"""

import json
import math
import pathlib
import tempfile

import numpy
import torch
import transformers
from transformers import (
    LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM,
    Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM,
)

LLAMA3_ROPE = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
}
YARN_ROPE = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
             "original_max_position_embeddings": 32}

MODELS = {
    "qwen3, tied": (Qwen3ForCausalLM, Qwen3Config(
        hidden_size=20, intermediate_size=28, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, vocab_size=70, max_position_embeddings=128,
        rms_norm_eps=1e-6, tie_word_embeddings=True)),
    "qwen3, untied, yarn": (Qwen3ForCausalLM, Qwen3Config(
        hidden_size=12, intermediate_size=20, num_hidden_layers=3, num_attention_heads=3,
        num_key_value_heads=1, head_dim=12, vocab_size=131, max_position_embeddings=128,
        rms_norm_eps=1e-5, tie_word_embeddings=False, rope_parameters=YARN_ROPE)),
    "qwen2, tied": (Qwen2ForCausalLM, Qwen2Config(
        hidden_size=24, intermediate_size=36, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=2, vocab_size=97, max_position_embeddings=128,
        rms_norm_eps=1e-6, tie_word_embeddings=True)),
    "qwen2, untied": (Qwen2ForCausalLM, Qwen2Config(
        hidden_size=16, intermediate_size=20, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, vocab_size=64, max_position_embeddings=128,
        rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6})),
    "llama, untied, biased, llama3 rope": (LlamaForCausalLM, LlamaConfig(
        hidden_size=28, intermediate_size=44, num_hidden_layers=2, num_attention_heads=7,
        num_key_value_heads=1, vocab_size=83, max_position_embeddings=128,
        rms_norm_eps=1e-5, tie_word_embeddings=False, attention_bias=True,
        rope_parameters=LLAMA3_ROPE)),
    "llama, tied": (LlamaForCausalLM, LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, vocab_size=150, max_position_embeddings=128,
        rms_norm_eps=1e-5, tie_word_embeddings=True)),
    "mistral, untied, window": (MistralForCausalLM, MistralConfig(
        hidden_size=20, intermediate_size=36, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, vocab_size=91, max_position_embeddings=128,
        rms_norm_eps=1e-5, tie_word_embeddings=False, sliding_window=7)),
    "mistral, tied, linear rope": (MistralForCausalLM, MistralConfig(
        hidden_size=36, intermediate_size=28, num_hidden_layers=2, num_attention_heads=3,
        num_key_value_heads=1, vocab_size=113, max_position_embeddings=128,
        rms_norm_eps=1e-5, tie_word_embeddings=True, sliding_window=None,
        rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5})),
}

LENGTHS = [23, 9, 30]
STEP = {"learningRate": 0.01, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-6, "weightDecay": 0.1,
        "maxGradNorm": 1.0}
PROJECTIONS = 4


def hashed(name, count, scale=1.0):
    """Float32 numbers in [-scale, scale) from FNV-1a of the name and lowbias32 of the place."""
    seed = 0x811C9DC5
    for unit in name.encode("utf-16-le")[::2]:
        seed = ((seed ^ unit) * 0x01000193) & 0xFFFFFFFF
    x = (numpy.arange(count, dtype=numpy.uint64) * 0x9E3779B9 + seed).astype(numpy.uint32)
    x = (x ^ (x >> 16)) * numpy.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * numpy.uint32(0x846CA68B)
    x = x ^ (x >> 16)
    unit_interval = (x >> 8).astype(numpy.float64) / 2**23 - 1
    return (numpy.float64(numpy.float32(scale)) * unit_interval).astype(numpy.float32)


def hashed_tensor(name, shape):
    """Gains about 1, biases about 0, matrices that keep their input's size."""
    count = math.prod(shape)
    if name.endswith("bias"):
        values = hashed(name, count, 0.25)
    elif len(shape) == 1:
        values = 1 + hashed(name, count, 0.5)
    else:
        values = hashed(name, count, 1.5 / math.sqrt(shape[1]))
    return torch.from_numpy(values).reshape(shape)


def written_config(model_class, config):
    with tempfile.TemporaryDirectory() as folder:
        config.architectures = [model_class.__name__]
        config.save_pretrained(folder)
        return json.loads((pathlib.Path(folder) / "config.json").read_text())


def parameters(model):
    """Each parameter once: a tied head is the embedding."""
    return dict(model.named_parameters())


def logprobs(model, tokens):
    logits = model(torch.tensor([tokens])).logits[0]
    scores = torch.log_softmax(logits[:-1], dim=-1)
    return scores[torch.arange(len(tokens) - 1), torch.tensor(tokens[1:])]


def sketch(name, tensor):
    """The norm of a tensor, and its products with hashed vectors."""
    flat = tensor.detach().double().flatten()
    vectors = [torch.from_numpy(hashed(f"projection {k} {name}", flat.numel())).double()
               for k in range(PROJECTIONS)]
    return [flat.norm().item()] + [(flat @ vector).item() for vector in vectors]


def greedy(model, prompt, count):
    tokens = list(prompt)
    for _ in range(count):
        top = model(torch.tensor([tokens])).logits[0, -1].topk(2)
        assert top.values[0] - top.values[1] > 1e-4, "a near tie: choose another prompt"
        tokens.append(top.indices[0].item())
    return tokens[len(prompt):]


def case(name, model_class, config):
    model = model_class(config).float().eval()
    with torch.no_grad():
        for key, parameter in parameters(model).items():
            parameter.copy_(hashed_tensor(key, list(parameter.shape)))
    vocabulary = config.vocab_size
    sequences = [
        [int((float(x) + 1) / 2 * vocabulary) for x in hashed(f"{name} {i}", length)]
        for i, length in enumerate(LENGTHS)
    ]
    weights = [torch.from_numpy(hashed(f"{name} weights {i}", length - 1))
               for i, length in enumerate(LENGTHS)]

    def loss():
        return -sum((w * logprobs(model, tokens)).sum() for w, tokens in zip(weights, sequences))

    with torch.no_grad():
        scores = [logprobs(model, tokens).tolist() for tokens in sequences]
        continuation = greedy(model, sequences[0][:8], 64)
    loss().backward()
    gradients = {key: sketch(key, p.grad) for key, p in parameters(model).items()}
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": STEP["weightDecay"]},
         {"params": vectors, "weight_decay": 0.0}],
        lr=STEP["learningRate"], betas=(STEP["beta1"], STEP["beta2"]), eps=STEP["epsilon"])
    norms = []
    for _ in range(3):
        optimizer.zero_grad()
        loss().backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), STEP["maxGradNorm"])
        norms.append(norm.item())
        optimizer.step()
    return {
        "name": name, "config": written_config(model_class, config), "sequences": sequences,
        "logprobs": scores, "greedy": continuation, "gradients": gradients, "gradNorms": norms,
        "trained": {key: sketch(key, p) for key, p in parameters(model).items()},
    }


def rounded(value):
    """Nine digits say all of a float32."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value


def main():
    torch.set_num_threads(1)
    golden = {
        "madeBy": {"torch": torch.__version__, "transformers": transformers.__version__},
        "step": STEP,
        "models": [rounded(case(name, *made)) for name, made in MODELS.items()],
    }
    text = json.dumps(golden, separators=(",", ":"))
    pathlib.Path(__file__).with_name("golden.json").write_text(text.replace("},", "},\n") + "\n")


main()
