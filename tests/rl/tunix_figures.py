"""What google-tunix makes of given rewards and log-probabilities: the other side of tunix_test.

Runs in an environment of its own: google-tunix 0.1.7 (installed without what it asks for), jax and
flax. Reads a JSON list of questions from standard input, writes a list of answers to standard
output. A question is {"ask": one of the functions below, its arguments by name}.
"""

import importlib.util
import json
import sys
import types


def load():
    """tunix.rl's algo_core and common, without the trainers that their packages import."""
    folder = importlib.util.find_spec("tunix").submodule_search_locations[0]
    for name, path in (("tunix", ""), ("tunix.rl", "/rl"), ("tunix.sft", "/sft")):
        package = types.ModuleType(name)
        package.__path__ = [folder + path]
        sys.modules[name] = package
    # Of these common takes two functions about attention, which no figure here depends on.
    unused = types.ModuleType("tunix.sft.utils")
    unused.make_causal_attn_mask = unused.build_positions_from_mask = None
    sys.modules["tunix.sft.utils"] = sys.modules["tunix.sft"].utils = unused
    from tunix.rl import algo_core, common

    return algo_core, common


algo_core, common = load()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from flax import nnx  # noqa: E402


class Nothing(nnx.Module):
    """A model that is never asked: its log-probabilities and scores are given."""


def array(x):
    return None if x is None else jnp.asarray(x, jnp.float32)


def under_masks(loss, masks, x, fields):
    """Values, gradients and what else is a number a mask, stacked: one compilation for all."""
    fields = {name: array(value) for name, value in fields.items()}

    def one(mask):
        example = types.SimpleNamespace(
            prompt_ids=None, completion_ids=mask, completion_mask=mask, **fields
        )
        (value, figures), gradient = jax.value_and_grad(loss, has_aux=True)(array(x), example)
        found = {"loss": value, "gradient": gradient}
        return found | {k.replace("/", "_"): v for k, v in figures.items() if jnp.ndim(v) == 0}

    return jax.jit(jax.vmap(one))(array(masks))


def policy(log_probs, settings, masks, function="grpo_loss_fn", **fields):
    def loss(x, example):
        common.compute_per_token_logps = lambda *given, **named: (x, jnp.zeros((*x.shape, 2)))
        return getattr(algo_core, function)(
            Nothing(), example, types.SimpleNamespace(**settings), pad_id=0, eos_id=1
        )

    return under_masks(loss, masks, log_probs, fields)


def value(values, clip, masks, **fields):
    def loss(x, example):
        # Values are read one place earlier than the tokens that they are of.
        common.compute_score = lambda *given, **named: jnp.pad(x, ((0, 0), (0, 1)))
        return algo_core.ppo_value_loss_fn(Nothing(), example, clip, pad_id=0, eos_id=1)

    return under_masks(loss, masks, values, fields)


def advantages(rewards, kind):
    function = {
        "grpo": algo_core.compute_advantages,
        "rloo": algo_core.compute_rloo_advantages,
        "dr_grpo": algo_core.compute_drgrpo_advantages,
    }[kind]
    rewards = array(rewards)
    return {"advantages": function(rewards.reshape(-1), rewards.shape[1])}


def kl(log_probs, reference_log_probs, kind):
    method = {"k1": "kl", "k2": "mse_kl", "k3": "low_var_kl"}[kind]
    return {
        "kl": common.compute_kl_divergence(array(log_probs), array(reference_log_probs), method)
    }


def gae(rewards, values, mask, gamma, lam):
    whitened, returns = algo_core.compute_gae_advantages(
        array(rewards), array(values), array(mask), gamma, lam
    )
    return {"whitened": whitened, "returns": returns}


def main():
    asked = {f.__name__: f for f in (policy, value, advantages, kl, gae)}
    answers = []
    for question in json.load(sys.stdin):
        answer = asked[question.pop("ask")](**question)
        answers.append({name: jnp.asarray(x).tolist() for name, x in answer.items()})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
