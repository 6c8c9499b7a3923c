"""Makes the golden model configs, parameter shapes and safetensors bytes of tests/model.

Needs torch, transformers and safetensors. Run from anywhere:
    python tests/golden/model/make_weights.py
"""

import base64
import json
import tempfile
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import transformers
from transformers import (
    LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM,
    Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM,
)

HERE = Path(__file__).parent

SMALL = {
    "hidden_size": 48, "intermediate_size": 40, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 50,
    "max_position_embeddings": 64,
}
LLAMA3_ROPE = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
}
YARN_ROPE = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0,
             "original_max_position_embeddings": 16}

MODELS = {
    "qwen3, tied": (Qwen3ForCausalLM, Qwen3Config(**SMALL, head_dim=16, tie_word_embeddings=True)),
    "qwen3, untied, biased, yarn": (
        Qwen3ForCausalLM,
        Qwen3Config(**SMALL, head_dim=8, attention_bias=True, rope_parameters=YARN_ROPE)),
    "qwen2, tied": (Qwen2ForCausalLM, Qwen2Config(**SMALL, tie_word_embeddings=True)),
    "llama, untied, biased, llama3 rope": (
        LlamaForCausalLM, LlamaConfig(**SMALL, attention_bias=True, rope_parameters=LLAMA3_ROPE)),
    "mistral, window": (MistralForCausalLM, MistralConfig(**SMALL, sliding_window=16)),
}

# Ties between neighbours, the largest and smallest numbers of each format, and signed zero.
VALUES = [0.0, -0.0, 1.0, -1.5, 1 / 3, 65504.0, 6.1e-05, 5.9e-08, 1.00390625, 1.01171875,
          -2.0009765625, 3.1415927]


def model_case(name, model_class, config):
    with tempfile.TemporaryDirectory() as folder:
        config.architectures = [model_class.__name__]
        config.save_pretrained(folder)
        written = json.loads((Path(folder) / "config.json").read_text())
    model = model_class(config)
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    shapes = {key: list(value.shape) for key, value in model.state_dict().items() if key not in tied}
    return {"name": name, "config": written, "shapes": shapes,
            "attentionFactor": getattr(model.model.rotary_emb, "attention_scaling", 1.0)}


def file_case(dtype, torch_dtype):
    tensors = {
        "b.weight": torch.tensor(VALUES, dtype=torch.float32).reshape(3, 4),
        "a.weight": torch.tensor(VALUES[:5], dtype=torch.float32),
        "scalar": torch.tensor(-2.5),
        "none": torch.zeros(0, 4),
    }
    stored = {name: tensor.to(torch_dtype) for name, tensor in tensors.items()}
    data = safetensors.torch.save(stored, metadata={"format": "pt"})
    return {
        "dtype": dtype,
        "file": base64.b64encode(data).decode(),
        "tensors": [
            {"name": name, "shape": list(tensor.shape), "given": tensor.flatten().tolist(),
             "stored": stored[name].float().flatten().tolist()}
            for name, tensor in tensors.items()
        ],
    }


def main():
    golden = {
        "madeBy": {"torch": torch.__version__, "transformers": transformers.__version__,
                   "safetensors": safetensors.__version__},
        "models": [model_case(name, *made) for name, made in MODELS.items()],
        "files": [file_case("F32", torch.float32), file_case("F16", torch.float16),
                  file_case("BF16", torch.bfloat16)],
    }
    (HERE / "weights.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
