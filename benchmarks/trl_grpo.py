"""TRL's side of benchmarks/rollouts.py; the Python that runs this has TRL and PyTorch.

Reads one line of JSON that says what to train, then a line before every round of steps, and
answers each with a line of JSON: the seconds that its steps took, the parts of them, and the tokens
written.
"""

import json
import os
import sys
import time

import torch
import transformers
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer

# What libraries print must not come between the answers.
_ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


class Timed(GRPOTrainer):
    """Adds up the seconds of writing and of rewards, and the tokens written."""

    spent = {"rollout": 0.0, "reward": 0.0, "tokens": 0.0}  # noqa: RUF012 - there is one trainer

    def _generate_single_turn(self, prompt_ids, *args, **kwargs):
        begun = time.perf_counter()
        written = super()._generate_single_turn(prompt_ids, *args, **kwargs)
        self.spent["rollout"] += time.perf_counter() - begun
        self.spent["tokens"] += sum(map(len, written[0]))
        return written

    def _calculate_rewards(self, *args, **kwargs):
        begun = time.perf_counter()
        rewards = super()._calculate_rewards(*args, **kwargs)
        self.spent["reward"] += time.perf_counter() - begun
        return rewards


class Rounds(transformers.TrainerCallback):
    """Waits for a line before the first step of every round, and answers after its last."""

    def __init__(self, steps: int) -> None:
        self._steps, self._begun = steps, 0.0

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step % self._steps == 0:
            sys.stdin.readline()
            Timed.spent.update(rollout=0.0, reward=0.0, tokens=0.0)
            self._begun = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step % self._steps == 0:
            seconds = time.perf_counter() - self._begun
            print(json.dumps(Timed.spent | {"seconds": seconds}), file=_ANSWERS, flush=True)


def parity(completion_ids, **kwargs):
    """1 where the last token has an odd number: as good as any, and different within groups."""
    return [float(ids[-1] % 2) for ids in completion_ids]


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    torch.set_num_threads(asked["threads"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(asked["model"])
    found = [tokenizer(text)["input_ids"] for text in asked["prompts"]]
    if found != asked["prompt_ids"]:
        sys.exit("the prompts are other tokens here")
    parts = asked["problems"] * asked["group"] // asked["microbatch"]
    args = GRPOConfig(
        output_dir=asked["output"],
        max_steps=asked["steps"] * asked["rounds"],
        per_device_train_batch_size=asked["microbatch"],
        gradient_accumulation_steps=parts,
        steps_per_generation=parts,
        num_generations=asked["group"],
        max_completion_length=asked["tokens"],
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        beta=0.0,
        epsilon=0.2,
        epsilon_high=0.28,
        loss_type="dapo",
        learning_rate=3e-4,
        lr_scheduler_type="constant",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        shuffle_dataset=False,
        dataloader_pin_memory=False,
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        report_to="none",
    )
    trainer = Timed(
        model=transformers.AutoModelForCausalLM.from_pretrained(asked["model"]),
        reward_funcs=[parity],
        args=args,
        train_dataset=Dataset.from_list([{"prompt": text} for text in asked["prompts"]]),
        processing_class=tokenizer,
        callbacks=[Rounds(asked["steps"])],
    )
    trainer.train()


if __name__ == "__main__":
    main()
