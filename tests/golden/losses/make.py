"""Writes losses.json: policy losses, their gradients and advantages, as TRL computes them.

Run with a Python that has torch and trl:  python tests/golden/losses/make.py

GRPO, Dr.GRPO, DAPO, GSPO, CISPO, importance weighting, dual clipping, k3 and the entropy bonus are
TRL's own `GRPOTrainer._compute_loss`, RLOO is `RLOOTrainer._compute_loss`; both run on given
logprobs and entropies in place of a model's. What TRL does not have (the k1 and k2 estimators, plain
REINFORCE) and its advantages, which are not a function of their own, are written out in PyTorch.
"""

import json
import math
import pathlib
import types

import torch
import trl
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_trainer import RLOOTrainer
from trl.trainer.utils import nanstd

torch.manual_seed(2)
LENGTHS = [3, 5, 1, 4, 2, 5, 4, 3]
GROUP = 4
B, T = len(LENGTHS), max(LENGTHS)
MASK = torch.tensor([[1.0] * n + [0.0] * (T - n) for n in LENGTHS])
REWARDS = torch.tensor([1.0, 0.0, 0.25, 0.0, 1.0, 1.0, -0.5, 1.0])

OLD = -torch.rand(B, T) * 3 - 0.1
LOGPROB = OLD + torch.randn(B, T) * 0.35
BEHAVIOUR = (OLD + torch.randn(B, T) * 0.6).clamp(max=-0.01)
REFERENCE = OLD + torch.randn(B, T) * 0.5
ENTROPY = torch.rand(B, T) * 2


class Accelerator:
    """One process."""

    num_processes = 1
    sync_gradients = False

    def gather(self, value):
        return value

    def reduce(self, value, reduction="sum"):
        return value


class Metrics(dict):
    def __missing__(self, key):
        self[key] = []
        return self[key]


def flat(values):
    """The valid tokens, sequence by sequence."""
    return [v for row, n in zip(values.tolist(), LENGTHS) for v in row[:n]]


def group_advantages(scale=True):
    rewards = REWARDS.view(-1, GROUP)
    mean = torch.nanmean(rewards, dim=1, keepdim=True)
    std = nanstd(rewards, dim=1).view(-1, 1)
    result = rewards - mean
    return (result / (std + 1e-4) if scale else result).view(-1)


def leave_one_out():
    rewards = REWARDS.view(-1, GROUP)
    baseline = (rewards.sum(1, keepdim=True) - rewards) / (GROUP - 1)
    return (rewards - baseline).view(-1)


def batch_advantages(values):
    return (values - values.mean()) / (values.std() + 1e-4)


def importance(mode, low, high):
    """TRL's weights, from `_generate_and_score_completions`, at token or sequence level."""
    difference = (OLD - BEHAVIOUR) * MASK
    if mode.startswith("sequence"):
        difference = difference.sum(-1, keepdim=True)
    ratio = torch.exp(difference)
    if mode.endswith("truncate"):
        return torch.clamp(ratio, min=low, max=high)
    return ratio.masked_fill((ratio < low) | (ratio > high), 0.0)


def trl_loss(advantages, loss_type="grpo", low=0.2, high=0.2, level="token", beta=0.0,
             delta=None, correction=None, entropy_coef=0.0, on_policy=False):
    logprob = LOGPROB.clone().requires_grad_()
    entropy = ENTROPY.clone().requires_grad_()
    trainer = types.SimpleNamespace(
        accelerator=Accelerator(),
        model=types.SimpleNamespace(training=True),
        args=types.SimpleNamespace(
            delta=delta, use_bias_correction_kl=False, steps_per_generation=1,
        ),
        _get_per_token_logps_and_entropies=lambda *_, **__: (logprob, entropy, None),
        _metrics={"train": Metrics()},
        aux_loss_enabled=False,
        beta=beta,
        current_gradient_accumulation_steps=1,
        entropy_coef=entropy_coef,
        _entropy_bonus_enabled=entropy_coef != 0.0,
        epsilon_low=low,
        epsilon_high=high,
        importance_sampling_level=level,
        loss_type=loss_type,
        max_completion_length=100,
        off_policy_mask_threshold=None,
        top_entropy_quantile=1.0,
        use_adaptive_entropy=False,
        use_vllm=correction is not None,
        vllm_importance_sampling_correction=correction is not None,
    )
    ids = torch.zeros(B, T, dtype=torch.long)
    inputs = {
        "prompt_ids": ids, "prompt_mask": MASK, "completion_ids": ids, "completion_mask": MASK,
        "advantages": advantages,
        "old_per_token_logps": None if on_policy else OLD,
        "ref_per_token_logps": REFERENCE,
        "importance_sampling_ratio": correction,
        "num_items_in_batch": MASK.sum(),
    }
    loss = GRPOTrainer._compute_loss(trainer, None, inputs)
    return finish(loss, logprob, entropy)


def trl_rloo(advantages):
    logprob = LOGPROB.clone().requires_grad_()
    entropy = ENTROPY.clone().requires_grad_()
    trainer = types.SimpleNamespace(
        accelerator=Accelerator(),
        model=types.SimpleNamespace(training=True),
        _get_per_token_logps_and_entropies=lambda *_, **__: (logprob, entropy, None),
        _metrics={"train": Metrics()},
        aux_loss_enabled=False,
        epsilon_low=0.2,
        epsilon_high=0.2,
    )
    ids = torch.zeros(B, T, dtype=torch.long)
    inputs = {
        "prompt_ids": ids, "prompt_mask": MASK, "completion_ids": ids, "completion_mask": MASK,
        "advantages": advantages, "old_logps": (OLD * MASK).sum(1),
    }
    return finish(RLOOTrainer._compute_loss(trainer, None, inputs), logprob, entropy)


def torch_loss(advantages, kl=None, beta=0.0):
    """REINFORCE per token, averaged within and then over sequences, with a KL term."""
    logprob = LOGPROB.clone().requires_grad_()
    entropy = ENTROPY.clone().requires_grad_()
    loss = -advantages.unsqueeze(1) * logprob
    if kl == "k1":
        loss = loss + beta * (logprob - REFERENCE)
    elif kl == "k2":
        loss = loss + beta * (logprob - REFERENCE) ** 2 / 2
    loss = ((loss * MASK).sum(-1) / MASK.sum(-1)).mean()
    return finish(loss, logprob, entropy)


def finish(loss, logprob, entropy):
    loss.backward()
    zeros = torch.zeros(B, T)
    return {
        "loss": loss.item(),
        "logprobGradient": flat(logprob.grad),
        "entropyGradient": flat(zeros if entropy.grad is None else entropy.grad),
    }


def case(name, algorithm, options, result):
    """`algorithm` and `options` are ours: `algorithm(algorithm, options)`."""
    return {"name": name, "algorithm": algorithm, "options": options, **result}


def cases():
    group, plain = group_advantages(), group_advantages(scale=False)
    off = {"importance": "none"}
    yield case("GRPO", "grpo", off, trl_loss(group))
    yield case("GRPO, on policy", "grpo", off, trl_loss(group, on_policy=True))
    yield case("GRPO with k3", "grpo", {**off, "kl": "k3", "klCoefficient": 0.1},
               trl_loss(group, beta=0.1))
    yield case("GRPO with dual clip", "grpo", {**off, "clipLow": 0.1, "clipHigh": 0.1, "dualClip": 1.3},
               trl_loss(group, low=0.1, high=0.1, delta=1.3))
    for mode, ours in [("token_truncate", "truncate"), ("token_mask", "mask"),
                       ("sequence_truncate", "episode_truncate"), ("sequence_mask", "episode_mask")]:
        yield case(f"GRPO with importance weights, {mode}", "grpo",
                   {"importance": ours, "importanceFloor": 0.5, "importanceCap": 1.5},
                   trl_loss(group, correction=importance(mode, 0.5, 1.5)))
    yield case("Dr.GRPO", "drgrpo", {**off, "constantLength": 100}, trl_loss(plain, "dr_grpo"))
    yield case("DAPO", "dapo", off, trl_loss(group, "dapo", high=0.28))
    yield case("DAPO with entropy bonus", "dapo", {**off, "entropyBonus": 0.02},
               trl_loss(group, "dapo", high=0.28, entropy_coef=0.02))
    yield case("GSPO", "gspo", {**off, "clipLow": 0.05, "clipHigh": 0.1},
               trl_loss(group, level="sequence", low=0.05, high=0.1))
    yield case("GSPO, its clipping range", "gspo", off,
               trl_loss(group, level="sequence", low=3e-4, high=4e-4))
    yield case("GSPO with importance weights", "gspo",
               {"clipLow": 0.05, "clipHigh": 0.1, "importanceCap": 1.5},
               trl_loss(group, level="sequence", low=0.05, high=0.1,
                        correction=importance("token_truncate", 0.0, 1.5)))
    yield case("CISPO", "cispo", off, trl_loss(group, "cispo", high=5.0))
    yield case("CISPO, low cap", "cispo", {**off, "clipHigh": 0.1}, trl_loss(group, "cispo", high=1.1))
    yield case("RLOO", "rloo", off, trl_rloo(leave_one_out()))
    yield case("REINFORCE++", "reinforce++", off, trl_loss(batch_advantages(REWARDS), "dapo"))
    yield case("REINFORCE++ with group baseline", "reinforce++",
               {**off, "advantage": "group_mean_batch_std"},
               trl_loss(batch_advantages(plain), "dapo"))
    for kl in ["k1", "k2"]:
        yield case(f"REINFORCE with {kl}", "grpo",
                   {**off, "surrogate": "reinforce", "kl": kl, "klCoefficient": 0.2},
                   torch_loss(group, kl, 0.2))


def main():
    golden = {
        "versions": {"torch": torch.__version__, "trl": trl.__version__},
        "groupSize": GROUP,
        "lengths": LENGTHS,
        "rewards": REWARDS.tolist(),
        "logprob": flat(LOGPROB),
        "entropy": flat(ENTROPY),
        "oldLogprob": flat(OLD),
        "behaviourLogprob": flat(BEHAVIOUR),
        "referenceLogprob": flat(REFERENCE),
        "cases": list(cases()),
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in rounded(golden).items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    pathlib.Path(__file__).with_name("losses.json").write_text(text)


def rounded(value):
    if isinstance(value, float):
        assert math.isfinite(value)
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


main()
