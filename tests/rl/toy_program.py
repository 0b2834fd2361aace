"""Practises in the run folder argv[1] by argv[2] (grpo, ppo or rlhf): a program to be killed."""

import sys

from rl import grpo, ppo
from tests.rl import toy


def settings(name: str):
    config = toy.config()
    config.rl.curriculum = True
    config.rl.eval_steps, config.checkpoint.steps = 4, 2
    if name == "rlhf":
        return toy.rlhf_config()
    if name == "ppo":
        config.rl.name, config.rl.figures = "ppo", "rl/ppo"
        config.rl.epochs = config.rl.minibatches = 2
        config.rl.kl, config.rl.kl_target = 0.05, 0.05
    return config


if __name__ == "__main__":
    config = settings(sys.argv[2])
    if sys.argv[2] == "rlhf":
        made, liked = toy.longer_is_liked()
        with liked:
            toy.practise(sys.argv[1], config, grpo.make_method, None, made)
    else:
        module = {"grpo": grpo, "ppo": ppo}[sys.argv[2]]
        toy.practise(sys.argv[1], config, module.make_method, toy.first_token_below(64))
