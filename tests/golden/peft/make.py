"""Reference numbers for LoRA and for updates from files: writes peft.json beside this file.

Run: python tests/golden/peft/make.py   (torch, transformers, peft, safetensors)
"""

import base64
import json
import pathlib
import tempfile

import peft
import safetensors.torch
import torch
import transformers

HERE = pathlib.Path(__file__).parent
VOCAB = 64
OPTIMIZER = {
    "lr": 0.01, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1,
}
MAX_GRAD_NORM = 0.5
WARMUP = 2
COMMON = {
    "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "vocab_size": VOCAB, "max_position_embeddings": 128,
    "initializer_range": 0.3, "attn_implementation": "eager",
}
SMALL = {
    **COMMON, "hidden_size": 12, "intermediate_size": 20, "head_dim": 4,
    "num_attention_heads": 3, "num_key_value_heads": 1, "vocab_size": 70,
}
MODELS = {
    "qwen3": (
        transformers.Qwen3Config(**COMMON, tie_word_embeddings=True),
        {"r": 3, "lora_alpha": 7, "use_rslora": True,
         "target_modules": ["q_proj", "v_proj", "down_proj"]},
    ),
    "llama": (
        transformers.LlamaConfig(**COMMON, tie_word_embeddings=False),
        {"r": 8, "lora_alpha": 16,
         "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj",
                            "gate_proj", "up_proj", "down_proj"]},
    ),
    # Modules trained whole. The vocabulary is no multiple of 64.
    "qwen3, tied, with its table and every norm": (
        transformers.Qwen3Config(**SMALL, tie_word_embeddings=True),
        {"r": 2, "lora_alpha": 3, "target_modules": ["k_proj", "o_proj"],
         "modules_to_save": ["embed_tokens", "norm"],
         "ensure_weight_tying": True},
    ),
    "qwen2, biased, with embedding, head and some norms": (
        transformers.Qwen2Config(**SMALL, tie_word_embeddings=False),
        {"r": 2, "lora_alpha": 3, "target_modules": ["v_proj", "up_proj"],
         "modules_to_save": ["embed_tokens", "lm_head", "input_layernorm",
                             "model.norm"]},
    ),
    "llama, tied, with an embedding apart from its head": (
        transformers.LlamaConfig(**SMALL, tie_word_embeddings=True),
        {"r": 2, "lora_alpha": 3, "target_modules": ["q_proj", "down_proj"],
         "modules_to_save": ["embed_tokens", "post_attention_layernorm"]},
    ),
    "mistral, tied, with an embedding and a head of its own": (
        transformers.MistralConfig(**SMALL, tie_word_embeddings=True,
                                   sliding_window=None),
        {"r": 2, "lora_alpha": 3, "target_modules": ["gate_proj"],
         "modules_to_save": ["embed_tokens", "lm_head"]},
    ),
}


def packed(tensors):
    """Tensors as the base64 of a safetensors file."""
    plain = {name: t.detach().clone() for name, t in tensors.items()}
    data = safetensors.torch.save(plain, {"format": "pt"})
    return base64.b64encode(data).decode()


def packed_file(path):
    return base64.b64encode(pathlib.Path(path).read_bytes()).decode()


def logprobs(model, tokens):
    """Logprob of every token but the first, given those before it."""
    logits = model(torch.tensor([tokens])).logits[0, :-1].float()
    chosen = torch.tensor(tokens[1:])
    return logits.log_softmax(-1)[torch.arange(len(chosen)), chosen]


def mean_loss(model, sequences):
    return -torch.cat([logprobs(model, tokens) for tokens in sequences]).mean()


def steps(model, loss, count):
    """Takes AdamW steps with clipping and warm-up; returns the losses."""
    trained = [p for p in model.parameters() if p.requires_grad]
    # Only matrices decay.
    optimizer = torch.optim.AdamW([
        {"params": [p for p in trained if p.dim() > 1]},
        {"params": [p for p in trained if p.dim() == 1], "weight_decay": 0},
    ], **OPTIMIZER)
    schedule = transformers.get_constant_schedule_with_warmup(optimizer, WARMUP)
    schedule.step()  # transformers begins at a rate of zero; we begin one step later
    losses = []
    for _ in range(count):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, MAX_GRAD_NORM)
        optimizer.step()
        schedule.step()
        losses.append(value.item())
    return losses


def short(name):
    return name.replace(".modules_to_save", "").replace(".default.", ".")


def lora_numbers(name, config, lora, folder):
    torch.manual_seed(1)
    base = transformers.AutoModelForCausalLM.from_config(config).eval()
    base.save_pretrained(folder / name)
    sequences = [torch.randint(config.vocab_size, (n,)).tolist() for n in (17, 9)]
    plain = [logprobs(base, tokens).tolist() for tokens in sequences]
    # Both factors random, and modules changed: the adapter does something from the start.
    model = peft.get_peft_model(base, peft.LoraConfig(
        task_type="CAUSAL_LM", init_lora_weights=False, **lora)).eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "lora_B" in key:
                p.mul_(0.3)
            if "modules_to_save" in key and p.requires_grad:
                p.add_(0.1 * torch.randn(p.shape))
    model.save_pretrained(folder / f"{name}-adapter")
    adapted = [logprobs(model, tokens).tolist() for tokens in sequences]
    mean_loss(model, sequences).backward()
    gradients = {short(key): p.grad.clone()
                 for key, p in model.named_parameters() if p.requires_grad}
    model.zero_grad()
    losses = steps(model, lambda: mean_loss(model, sequences), 3)
    trained = {short(key): p.clone()
               for key, p in model.named_parameters() if p.requires_grad}
    again = peft.PeftModel.from_pretrained(
        transformers.AutoModelForCausalLM.from_pretrained(
            folder / name, attn_implementation="eager"),
        folder / f"{name}-adapter")
    merged = again.merge_and_unload().state_dict()
    return {
        "name": name,
        "config": json.loads((folder / name / "config.json").read_text()),
        "weights": packed_file(folder / name / "model.safetensors"),
        "adapterConfig": json.loads(
            (folder / f"{name}-adapter" / "adapter_config.json").read_text()),
        "adapter": packed_file(
            folder / f"{name}-adapter" / "adapter_model.safetensors"),
        "sequences": sequences,
        "logprobs": plain,
        "adaptedLogprobs": adapted,
        "gradients": packed(gradients),
        "losses": losses,
        "trained": packed(trained),
        "merged": packed({
            key: merged[key] for key in merged_keys(lora)}),
    }


def merged_keys(lora):
    """What is compared of the merged weights."""
    layer = [f"model.layers.1.{module}.weight" for module in (
        "self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj",
        "input_layernorm", "post_attention_layernorm")]
    tied = lora.get("ensure_weight_tying", False)
    table = [] if "modules_to_save" not in lora else [
        "model.embed_tokens.weight", *([] if tied else ["lm_head.weight"])]
    return [*layer, *table, "model.norm.weight"]


def rollout_numbers(folder):
    """Three GRPO updates of the Llama's own weights, with importance weights cut off at 2."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder / "llama", attn_implementation="eager").eval()
    torch.manual_seed(2)
    rollouts = []
    for group, rewards in (("a", (1.0, 0.0, 0.5)), ("b", (0.0, 2.0))):
        prompt = torch.randint(VOCAB, (5,)).tolist()
        for at, reward in enumerate(rewards):
            tokens = prompt + torch.randint(VOCAB, (6 + at,)).tolist()
            mask = [0] * 5 + [1] * (6 + at)
            mask[8] = 0  # what a tool said
            drift = 0.5 * torch.randn(len(tokens))
            old = torch.cat([torch.zeros(1), logprobs(model, tokens)]).detach()
            behaviour = torch.minimum(old + drift, torch.tensor(-0.01))
            rollouts.append({
                "group": group, "tokens": tokens, "mask": mask,
                "logprobs": behaviour.tolist(), "reward": reward})

    def loss():
        total = 0
        for rollout in rollouts:
            peers = torch.tensor([r["reward"] for r in rollouts
                                  if r["group"] == rollout["group"]])
            advantage = ((rollout["reward"] - peers.mean())
                         / (peers.std() + 1e-4))
            mask = torch.tensor(rollout["mask"][1:], dtype=torch.bool)
            new = logprobs(model, rollout["tokens"])[mask]
            behaviour = torch.tensor(rollout["logprobs"][1:])[mask]
            old = new.detach()
            importance = (old - behaviour).exp().clamp(max=2)
            total = total - (importance * (new - old).exp() * advantage).mean()
        return total / len(rollouts)

    losses = steps(model, loss, 3)
    return {
        "rollouts": rollouts, "losses": losses,
        "trained": packed(dict(model.named_parameters())),
    }


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        models = [lora_numbers(name, config, lora, folder)
                  for name, (config, lora) in MODELS.items()]
        result = {
            "versions": {m.__name__: m.__version__ for m in (
                torch, transformers, peft)},
            "optimizer": {**OPTIMIZER, "max_grad_norm": MAX_GRAD_NORM,
                          "warmup": WARMUP},
            "models": models,
            "update": rollout_numbers(folder),
        }
    (HERE / "peft.json").write_text(json.dumps(result) + "\n")


main()
