import functools

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from model import decode
from model.config import FAMILIES, from_mapping
from model.sampling import Sampling, sampling
from model.transformer import hidden_states, logits
from tests.model.random_parameters import random_parameters

VOCAB = 40  # of 48: the rest pads the embedding
SIZES = {
    "layers": 2,
    "width": 24,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 8,
    "mlp_width": 40,
    "vocab_size": 48,
    "context": 32,
}
LENGTHS = np.array([1, 3, 6, 4], np.int32)
PROMPTS = np.random.default_rng(0).integers(0, VOCAB, (4, 6)).astype(np.int32)
STEPS = 10

_generate = jax.jit(decode.generate, static_argnames=("config", "steps", "vocab_size"))
prefill = jax.jit(decode.prefill, static_argnames=("config", "size", "vocab_size"))
step = jax.jit(decode.step, static_argnames=("config", "vocab_size"))


def generate(params, config, prompts, lengths, keys, settings, steps=STEPS, end=-1):
    return _generate(params, config, prompts, lengths, keys, settings, steps, VOCAB, end)


@functools.cache
def model(family="qwen3"):
    config = from_mapping(SIZES | {"family": family, "scan": True})  # compiles faster
    return random_parameters(config), config


def keys(n):
    return jax.random.split(jax.random.key(5), n)


@functools.partial(jax.jit, static_argnames="config")
def last_logits(params, config, row, length):
    """Of the row's `length` first tokens, by a full forward pass."""
    hidden = hidden_states(params, config, row[None])[0]
    return logits(params, hidden[length - 1])[:VOCAB]


def slow_greedy(params, config, prompt, steps):
    row = np.zeros(config.context, np.int32)
    row[: len(prompt)] = prompt
    for length in range(len(prompt), len(prompt) + steps):
        row[length] = last_logits(params, config, row, length).argmax()
    return row[len(prompt) : len(prompt) + steps]


class GenerateTest(parameterized.TestCase):
    @parameterized.parameters(*FAMILIES)
    def test_greedy_equals_full_forward_passes_of_ragged_prompts(self, family):
        params, config = model(family)
        tokens, counts = generate(params, config, PROMPTS, LENGTHS, keys(4), sampling(4, 0.0))
        np.testing.assert_array_equal(counts, STEPS)
        for row, prompt, length in zip(tokens, PROMPTS, LENGTHS, strict=True):
            np.testing.assert_array_equal(row, slow_greedy(params, config, prompt[:length], STEPS))

    def test_what_follows_a_prompt_does_not_matter(self):
        params, config = model()
        settings = sampling(4, 1.0)
        padded = np.where(np.arange(6) < LENGTHS[:, None], PROMPTS, 7)
        first, second = (
            generate(params, config, prompts, LENGTHS, keys(4), settings)[0]
            for prompts in (PROMPTS, padded)
        )
        np.testing.assert_array_equal(first, second)

    def test_a_row_is_the_same_alone_and_in_a_batch(self):
        params, config = model()
        settings = Sampling(
            jnp.array([0.0, 1.0, 1.3, 0.7]),
            jnp.array([0, 0, 5, 0]),
            jnp.array([1.0, 0.9, 1.0, 1.0]),
            jnp.array([0.0, 0.0, 0.0, 0.05]),
        )
        together, _ = generate(params, config, PROMPTS, LENGTHS, keys(4), settings)
        for i in range(4):
            one = slice(i, i + 1)
            alone, _ = generate(
                params,
                config,
                PROMPTS[one],
                LENGTHS[one],
                keys(4)[one],
                Sampling(*(x[one] for x in settings)),
            )
            np.testing.assert_array_equal(alone[0], together[i])

    def test_seeds_decide(self):
        params, config = model()
        same = np.repeat(PROMPTS[2:3], 4, axis=0)
        lengths = np.full(4, 6, np.int32)
        twice = jnp.concatenate([keys(2), keys(2)])
        tokens, _ = generate(params, config, same, lengths, twice, sampling(4))
        np.testing.assert_array_equal(tokens[:2], tokens[2:])
        self.assertFalse(np.array_equal(tokens[0], tokens[1]))

    def test_an_end_token_stops_its_row_alone(self):
        params, config = model()
        arguments = (params, config, PROMPTS, LENGTHS, keys(4), sampling(4, 0.0))
        free, _ = generate(*arguments)
        end = int(free[1, 3])
        tokens, counts = generate(*arguments, end=end)
        expected = [(row == end).argmax() if (row == end).any() else STEPS for row in free]
        np.testing.assert_array_equal(counts, expected)
        self.assertLessEqual(int(counts[1]), 3)
        self.assertEqual(int(counts.max()), STEPS)  # others go on
        for row, free_row, n in zip(tokens, free, counts, strict=True):
            np.testing.assert_array_equal(row[:n], free_row[:n])

    def test_an_end_token_at_once(self):
        params, config = model()
        arguments = (params, config, PROMPTS[:1], LENGTHS[:1], keys(1), sampling(1, 0.0))
        end = int(generate(*arguments)[0][0, 0])
        self.assertEqual(int(generate(*arguments, end=end)[1][0]), 0)

    def test_padding_of_the_vocabulary_is_never_chosen(self):
        params, config = model()
        # Padding rows that would win every argmax if they were let in.
        embedding = params["embedding"]
        padded = params | {"unembedding": embedding.at[VOCAB:].set(0).at[VOCAB:, 0].set(1e3)}
        for temperature in (0.0, 50.0):
            tokens, _ = generate(
                padded, config, PROMPTS, LENGTHS, keys(4), sampling(4, temperature)
            )
            self.assertLess(int(tokens.max()), VOCAB)

    def test_the_whole_context_can_be_filled(self):
        params, config = model("gpt2")
        steps = config.context - 6
        tokens, _ = generate(params, config, PROMPTS, LENGTHS, keys(4), sampling(4, 0.0), steps)
        np.testing.assert_array_equal(tokens[2], slow_greedy(params, config, PROMPTS[2], steps))

    def test_refuses_to_write_past_the_context(self):
        params, config = model()
        with self.assertRaisesRegex(
            ValueError, "prompts of 6 tokens and 27 more do not fit the context of 32"
        ):
            generate(params, config, PROMPTS, LENGTHS, keys(4), sampling(4), 27)


class StepTest(absltest.TestCase):
    def test_log_probs_are_the_model_s(self):
        params, config = model()
        state = prefill(
            params, config, PROMPTS, LENGTHS, keys(4), sampling(4, 1.5, top_k=9), 16, VOCAB
        )
        rows = [list(prompt[:length]) for prompt, length in zip(PROMPTS, LENGTHS, strict=True)]
        for _ in range(3):
            np.testing.assert_array_equal(state.position, [len(row) for row in rows])
            for i, row in enumerate(rows):
                padded = np.zeros(config.context, np.int32)
                padded[: len(row)] = row
                scores = jax.nn.log_softmax(last_logits(params, config, padded, len(row)))
                self.assertAlmostEqual(
                    float(state.log_prob[i]), float(scores[state.token[i]]), delta=1e-5
                )
                row.append(int(state.token[i]))
            state = step(params, config, state, sampling(4, 1.5, top_k=9), VOCAB)


if __name__ == "__main__":
    absltest.main()
