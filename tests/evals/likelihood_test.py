"""What is scored, and that the server says the same of it to the last bit."""

import math

import jax
import numpy as np
from absl.testing import absltest, parameterized

from evals.likelihood import Encoded, encoded, likelihood
from model.transformer import hidden_states, logits
from serve.requests import Request
from tests.serve import small_model
from tests.serve.http.live import CONTEXT, live, small_engine

TEXTS = (
    ("the cat saw", " the dogs"),
    ("Zoë and 日本語", " and 😀"),
    ("the mat ", "while"),
    ("", "the dogs ran"),
    ("the cat saw Zoë and " * 40, " the naïve mat"),
)


class EncodedTest(absltest.TestCase):
    def encoded(self, context: str, continuation: str, size: int = 1000) -> Encoded:
        return encoded(small_model.tokenizer(), context, continuation, size)

    def test_context_then_continuation(self):
        tokenizer = small_model.tokenizer()
        row = self.encoded("the cat saw", " the dogs")
        self.assertEqual(tokenizer.decode(row.tokens), "the cat saw the dogs")
        self.assertEqual(tokenizer.decode(row.tokens[: row.start]), "the cat saw")
        self.assertEqual(row.cut, 0)

    def test_a_space_at_the_end_belongs_to_the_continuation(self):
        one, other = self.encoded("the cat ", "saw"), self.encoded("the cat", " saw")
        np.testing.assert_array_equal(one.tokens, other.tokens)
        self.assertEqual(one.start, other.start)

    def test_without_a_context_it_follows_the_end_of_a_text(self):
        row = self.encoded("", "the cat")
        self.assertEqual((int(row.tokens[0]), row.start), (small_model.tokenizer().end_of_text, 1))

    def test_the_beginning_is_cut(self):
        whole = self.encoded("the cat saw Zoë and the mat", " the dogs")
        size = len(whole.tokens) - 3
        row = self.encoded("the cat saw Zoë and the mat", " the dogs", size)
        self.assertEqual(row.cut, 4)
        np.testing.assert_array_equal(row.tokens, whole.tokens[4:])
        self.assertEqual(row.start, whole.start - 4)

    def test_a_continuation_longer_than_the_context(self):
        row = self.encoded("the cat", " the dogs ran" * 30, 17)
        self.assertEqual((len(row.tokens), row.start), (16, 1))


class LikelihoodTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine = small_engine()
        trained = small_model.trained()

        @jax.jit
        def logits_of(tokens: jax.Array) -> jax.Array:
            hidden = hidden_states(trained.params, trained.architecture, tokens)
            return logits(trained.params, hidden)[0, :, : trained.tokenizer.vocab_size]

        cls.logits_of = staticmethod(logits_of)

    @parameterized.parameters(*TEXTS[:4])
    def test_equals_log_probabilities_summed_one_by_one(self, context, continuation):
        row = encoded(small_model.tokenizer(), context, continuation, small_model.CONTEXT)
        after = np.zeros(small_model.CONTEXT - len(row.tokens), np.int32)
        scores = np.float64(self.logits_of(np.concatenate([row.tokens, after])[None]))
        expected, greedy = 0.0, True
        for i in range(row.start, len(row.tokens)):
            before, token = scores[i - 1], row.tokens[i]
            largest = before.max()
            expected += before[token] - largest - math.log(np.exp(before - largest).sum())
            greedy &= before.argmax() == token
        found = likelihood(self.engine, row)
        self.assertAlmostEqual(found.log_prob, expected, places=4)
        self.assertEqual(found.greedy, greedy)

    def test_greedy_is_what_the_model_writes(self):
        prompt = small_model.tokenizer().encode("the cat saw").astype(np.int32)
        (written,) = self.engine.generate([Request(prompt, 5, temperature=0.0)])
        tokens = np.concatenate([prompt, np.array(written.tokens, np.int32)])
        self.assertTrue(likelihood(self.engine, Encoded(tokens, len(prompt), 0)).greedy)
        tokens[-2] = (tokens[-2] + 1) % small_model.tokenizer().vocab_size
        self.assertFalse(likelihood(self.engine, Encoded(tokens, len(prompt), 0)).greedy)

    def test_the_server_says_the_same(self):
        """As lm-evaluation-harness asks: ids, echo, one token to write, and a sum of floats."""
        with live(lambda: self.engine, slots=2) as server:
            engine = self.engine
            for context, continuation in (TEXTS[0], TEXTS[-1]):
                row = encoded(engine.tokenizer, context, continuation, CONTEXT)
                body = {"prompt": row.tokens.tolist(), "max_tokens": 1, "logprobs": 1}
                body |= {"echo": True, "temperature": 0, "seed": 1234}
                found = likelihood(engine, row)
                status, answer = server.post("/v1/completions", body)
                self.assertEqual(status, 200)
                logprobs = answer["choices"][0]["logprobs"]
                of_tokens = logprobs["token_logprobs"][row.start : -1]
                of_best = logprobs["top_logprobs"][row.start : -1]
                greedy = all(
                    one == max(best.values()) for one, best in zip(of_tokens, of_best, strict=True)
                )
                self.assertEqual((found.log_prob, found.greedy), (sum(of_tokens), greedy))


if __name__ == "__main__":
    absltest.main()
