"""What the figures of report.json mean, in a few words."""

import re

# Patterns of whole names, the first that fits. A group in a pattern goes where {0} stands.
_MEANINGS = (
    (
        r"total/seconds",
        "all stages, over all starts of the run; what a killed start lost is not in",
    ),
    (r"total/peak_memory_gb", "most memory of the program and its workers at one time"),
    (r"total/flops", "arithmetic operations of the steps of training that count them"),
    (r"seconds/.*", "time of the stage, over all starts of the run"),
    (r"web/pages_in", "pages that the crawl holds"),
    (r"web/pages_kept", "pages that passed every filter"),
    (r"web/pages_per_second", "pages filtered a second"),
    (r"web/loose_copies_removed", "share removed of pages that only resemble another"),
    (r"web/pii_precision", "of the addresses that were replaced, the share that were addresses"),
    (r"web/pii_recall", "of the addresses in pages, the share that was replaced"),
    (r"web/(.*)_precision", "{0}: of what was dropped, the share that was planted to be"),
    (r"web/(.*)_recall", "{0}: of what was planted to be dropped, the share that was"),
    (r"tokenizer/vocab_size", "tokens that the tokenizer knows"),
    (r"data/bytes_per_token", "bytes of text in a token, on the average"),
    (r"data/train_tokens", "tokens of text to train on"),
    (r"data/validation_tokens", "tokens of text held out"),
    (r".*_data/dropped", "conversations that could not be used"),
    (r".*_data/truncated", "conversations that were cut to fit"),
    (r".*_data/learnt_tokens", "tokens of replies, which are what is learnt"),
    (r".*_data/(train|validation)_conversations", "{0} conversations"),
    (r".*_data/train_rows", "rows that the conversations were packed into"),
    (r".*_data/train_tokens", "tokens of the training conversations"),
    (r"interrogation/known", "share of the questions that the model knew"),
    (r"interrogation/unsure", "share of the questions between known and unknown"),
    (r"interrogation/unknown", "share of the questions that the model got wrong again and again"),
    (r"chat/known_asked", "facts that training asked about, in other words: right"),
    (r"chat/known_told_only", "facts only told in documents: right"),
    (r"chat/identity", "who it is, and who a system message says it is: right"),
    (r"chat/unknown_declined_before", "facts withheld, before interrogation: declined"),
    (r"chat/unknown_declined", "facts withheld: declined"),
    (r"chat/invented_declined", "questions about made-up names: declined"),
    (r"chat/known_declined", "what it was told often: declined all the same"),
    (r"chat/unknown_with_search", "facts withheld, with a search that finds them: right"),
    (r"chat/invented_with_search", "made-up names, with a search: said not to be found"),
    (r"chat/letters_with_tool", "letters counted with Python: right"),
    (r"chat/letters_without_tool", "letters counted without it: right"),
    (r"chat/spelling_with_tool", "words spelt or turned round with Python: right"),
    (r"chat/spelling_without_tool", "the same without it: right"),
    (r"chat/product_with_tool", "products of numbers of four digits with Python: right"),
    (r"chat/product_without_tool", "the same without it: right"),
    (r"chat/problems_with_steps", "word problems worked out in steps: right"),
    (r"chat/problems_direct", "word problems, the answer alone: right"),
    (r"chat/seconds", "time of fine-tuning, of all rounds"),
    (r"reward/agreement", "held-out orderings on which reward model and judge agree"),
    (r"reward/human_agreement", "people's held-out orderings on which the reward model agrees"),
    (r"rl/grpo_before", "held-out problems solved before practice"),
    (r"rl/grpo_after", "held-out problems solved after practice with GRPO"),
    (r"rl/grpo_hard_before", "harder held-out problems solved before practice"),
    (r"rl/grpo_hard_after", "harder held-out problems solved after practice with GRPO"),
    (r"rl/ppo_before", "held-out problems solved before practice with PPO"),
    (r"rl/ppo_after", "held-out problems solved after practice with PPO"),
    (r"rlhf\w*/gold_before", "the judge's score at the start, in standard deviations"),
    (r"rlhf\w*/gold_peak", "the judge's score at its best, in standard deviations"),
    (r"rlhf\w*/gold_end", "the judge's score at the end, in standard deviations"),
    (r"rlhf\w*/proxy_(before|peak|end)", "the reward model's score: {0}"),
    (r"rlhf\w*/peak_step", "the step at which the judge's score was best"),
    (r"rlhf\w*/kl_peak", "how far the policy had strayed by then, in nats an answer"),
    (r"comparison/(\w+)_gold", "{0}: the judge's score, in deviations of the reference"),
    (r"comparison/(\w+)_kl", "{0}: how far it strays from the reference, in nats an answer"),
    (r"best_of_n\w*/mean", "held-out problems solved by one answer"),
    (r"best_of_n\w*/majority_(\d+)", "solved by the answer that most of {0} agree on"),
    (r"best_of_n\w*/pass_(\d+)", "any of {0} answers solves the problem"),
    (r"best_of_n\w*/reward_(\d+)", "solved by the answer of {0} that a reward model likes best"),
    (r"arena/(gold|reward|person)_(\w+)", "{1}: rating by the judge {0}, 1000 on the average"),
    (r".*/val_loss", "surprise about held-out data, in nats"),
    (r".*/text_loss", "surprise about held-out text, in nats a token"),
    (r".*/bits_per_byte", "bits that a byte of held-out text costs"),
    (r".*/tokens_per_second", "tokens trained on a second"),
    (r".*/peak_fraction", "share of the devices' speed of plain matrix products"),
    (r".*/tokens", "tokens that the stage's steps read"),
    (r".*/flops", "arithmetic operations of the stage's steps"),
    (r".*/seconds", "time of the stage's steps and evaluations"),
)


def meaning(name: str) -> str:
    """What a figure is, in a few words; "" for one that is not known here."""
    for pattern, words in _MEANINGS:
        found = re.fullmatch(pattern, name)
        if found:
            return words.format(*(group.replace("_", " ") for group in found.groups()))
    return ""


def shown(name: str, value: float) -> str:
    """A figure as people read it."""
    if isinstance(value, int) or (abs(value) >= 1000 and value == round(value) and value < 1e9):
        return f"{value:,.0f}"
    if abs(value) >= 1e9:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa} × 10^{int(exponent)}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
