import collections
import dataclasses
import functools
import itertools
import unittest
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from absl.testing import absltest, parameterized

from data.errors import InputError
from model import decode
from model.sampling import sampling
from model.sharding import make_mesh
from model.transformer import hidden_states
from serve import engine as engine_module
from serve.engine import Engine
from serve.requests import Completion, Request
from serve.slots import prepared
from tests.model.random_parameters import random_parameters
from tests.serve import small_model, whole_row
from tests.serve.small_model import CONTEXT, prompts

SLOTS = 32
GENERATE = jax.jit(decode.generate, static_argnums=(1, 6, 7, 8))


def engine(slots: int = SLOTS, mesh=None, params=None, **options) -> Engine:
    model = small_model.trained()
    mesh = mesh or make_mesh(1, 1, 1, jax.devices()[:1])
    params = model.params if params is None else params
    return Engine(params, model.architecture, model.tokenizer, slots, mesh=mesh, **options)


def setUpModule():
    # Prompts are read in pieces, two at a time, and few functions are compiled.
    patch = mock.patch.object(engine_module, "_LARGEST_PIECE", 32)
    patch.start()
    unittest.addModuleCleanup(patch.stop)


@functools.cache
def shared() -> Engine:
    """Compiled once. Tests leave it idle."""
    return engine(steps=4)


@functools.cache
def compilations() -> collections.Counter:
    """Counts the compilations of this process from now on."""
    counts = collections.Counter()

    def count(event: str, duration: float, **_) -> None:
        counts[event] += event.endswith("backend_compile_duration")

    jax.monitoring.register_event_duration_secs_listener(count)
    return counts


def mixed(count: int, seed: int = 0) -> list[Request]:
    """Requests that differ in everything."""
    random = np.random.default_rng(seed)
    settings = (
        {"temperature": 0.0}, {}, {"temperature": 0.7, "top_k": 9}, {"top_p": 0.8},
        {"temperature": 1.4, "min_p": 0.02}, {"temperature": 0.9, "top_k": 50, "top_p": 0.95},
    )  # fmt: skip
    return [
        Request(
            prompt,
            int(random.integers(1, 24)),
            seed=int(random.integers(2**32)),
            **settings[random.integers(len(settings))],
        )
        for prompt in prompts(count, seed=seed)
    ]


def scores(prompt: np.ndarray, tokens: list[int]) -> np.ndarray:
    """Log-probabilities of the tokens after the prompt, by one full forward pass."""
    return whole_row.of_tokens([*prompt, *tokens])[len(prompt) - 1 :]


class WritingTest(parameterized.TestCase):
    def assert_same(self, found: Completion, expected: Completion) -> None:
        self.assertEqual(found.tokens, expected.tokens)
        self.assertEqual(found.finish_reason, expected.finish_reason)
        np.testing.assert_allclose(found.log_probs, expected.log_probs, atol=1e-5)

    def test_greedy_and_sampled_equal_generate(self):
        model = small_model.trained()
        given = prompts(40)
        padded = np.stack([np.pad(p, (0, 70 - len(p))) for p in given])
        lengths = np.array([len(p) for p in given])
        for temperature in (0.0, 1.0):
            keys = jnp.stack([jax.random.key(i) for i in range(40)])
            expected, _ = GENERATE(
                model.params, model.architecture, padded, lengths, keys,
                sampling(40, temperature), 20, model.tokenizer.vocab_size, -1,
            )  # fmt: skip
            found = shared().generate(
                [Request(p, 20, temperature, seed=i) for i, p in enumerate(given)]
            )
            np.testing.assert_array_equal([c.tokens for c in found], expected)

    def test_log_probs_are_those_of_the_full_forward_pass(self):
        requests = mixed(64)
        for request, found in zip(requests, shared().generate(requests), strict=True):
            expected = scores(request.prompt, found.tokens)
            np.testing.assert_allclose(found.log_probs, expected, atol=1e-4)

    def test_the_same_alone_and_among_others_in_any_order_and_slot(self):
        requests = mixed(96)
        together = shared().generate(requests)
        order = np.random.default_rng(1).permutation(96)
        shuffled = engine(steps=4).generate([requests[i] for i in order])
        for place, i in enumerate(order):
            self.assert_same(shuffled[place], together[i])
        for i in range(0, 96, 9):
            alone = engine_of_one().generate([requests[i]])[0]
            self.assert_same(alone, together[i])

    @parameterized.parameters(1, 2, 8)
    def test_few_are_not_computed_with_all_and_the_same(self, count):
        requests = mixed(count, seed=8)
        few = engine(steps=4)
        with mock.patch.object(few, "_compiled", few._compiled._replace(advance=None)):
            found = few.generate(requests)
        with mock.patch.object(engine_module, "_few", return_value=[]):
            expected = engine(steps=4).generate(requests)
        for one, other in zip(found, expected, strict=True):
            self.assert_same(one, other)

    def test_arrivals_while_others_write(self):
        requests = mixed(60, seed=2)
        expected = shared().generate(requests)
        found = []
        for number, request in enumerate(requests):
            found.append(shared().submit(request))
            if number % 3 == 0:
                shared().step()
        while shared().busy:
            shared().step()
        for one, other in zip(found, expected, strict=True):
            self.assert_same(one, other)

    @parameterized.parameters((2, 1), (2, 2))
    def test_over_devices(self, data, tensor):
        mesh = make_mesh(data, 1, tensor, jax.devices()[: data * tensor])
        requests = mixed(24)
        split = engine(4, mesh, steps=4).generate(requests)
        for found, expected in zip(split, shared().generate(requests), strict=True):
            self.assert_same(found, expected)

    def test_step_reports_what_has_changed(self):
        requests = mixed(40, seed=4)
        going = [shared().submit(request) for request in requests]
        seen = collections.Counter()
        while shared().busy:
            for completion in shared().step():
                self.assertGreater(len(completion.tokens), seen[going.index(completion)])
                seen[going.index(completion)] = len(completion.tokens)
        self.assertEqual([seen[i] for i in range(40)], [len(c.tokens) for c in going])
        self.assertEqual([c.tokens for c in going], [c.tokens for c in shared().generate(requests)])

    def test_frequencies_of_what_is_sampled(self):
        prompt = prompts(1, seed=5)[0]
        n = 4000
        found = shared().generate([Request(prompt, 1, 0.7, 6, seed=i) for i in range(n)])
        counts = collections.Counter(c.tokens[0] for c in found)
        likely = {c.tokens[0]: c.log_probs[0] for c in found}
        self.assertLen(counts, 6)
        expected = np.exp(np.array([likely[token] for token in counts]) / 0.7)
        test = scipy.stats.chisquare(list(counts.values()), n * expected / expected.sum())
        self.assertGreater(test.pvalue, 1e-3)

    def test_nothing_is_compiled_after_the_first_requests(self):
        writer = engine(4, steps=4)
        writer.warm_up()
        before = sum(compilations().values())
        writer.generate(mixed(50, seed=6))
        for length in range(1, CONTEXT, 7):
            ones = np.ones(length, np.int32)
            completion = writer.submit(Request(ones, 1 + length % 3, stop=("x", 3)))
            writer.step()
            writer.cancel(completion)
        writer.set_params(small_model.trained().params)
        writer.generate(mixed(10, seed=7))
        self.assertEqual(sum(compilations().values()), before)
        jax.jit(lambda x: x + before)(1.0)
        self.assertGreater(sum(compilations().values()), before)  # it does count

    def test_reading_finds_what_was_compiled_for_its_size(self):
        reader = engine(4, steps=4)
        reader.compile_reading(64, inside=False)
        reader.compile_reading(64, inside=True)
        before = sum(compilations().values())
        for length in (33, 50, 64):
            ones = np.ones(length, np.int32)
            self.assertLen(reader.score(ones).log_probs, length - 1)
            self.assertLen(reader.score(ones, top=True).top.tokens, length - 1)
            self.assertEqual(reader.inside(ones).tokens.shape[1], length)
        self.assertEqual(sum(compilations().values()), before)


@functools.cache
def engine_of_one() -> Engine:
    return engine(1, steps=4)


class PreparedTest(absltest.TestCase):
    def test_parameters_of_16_bits_change_nothing(self):
        model = small_model.trained()
        config = dataclasses.replace(model.architecture, dtype="bfloat16")
        once = prepared(model.params, config)
        self.assertEqual(once["layers"][0]["mlp"]["up"]["weight"].dtype, jnp.bfloat16)
        self.assertEqual(once["layers"][0]["attention"]["query_norm"]["scale"].dtype, jnp.float32)
        forward = jax.jit(hidden_states, static_argnums=1)
        tokens = jnp.asarray(prompts(1)[0])[None]
        np.testing.assert_array_equal(
            forward(once, config, tokens), forward(model.params, config, tokens)
        )


class EndingTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.prompt = prompts(1, seed=9)[0]
        self.free = shared().generate([Request(self.prompt, 20, seed=1)])[0]

    def stopped(self, *stop: str | int, max_tokens: int = 20) -> Completion:
        return shared().generate([Request(self.prompt, max_tokens, seed=1, stop=stop)])[0]

    def test_a_stop_token_is_the_last(self):
        for place in (0, 3, 4, 19):
            token = self.free.tokens[place]
            first = self.free.tokens.index(token)
            for stop in ((token,), (1, 2, 3, 5, 6, 7, token)):  # more than a slot knows
                if set(stop[:-1]) & set(self.free.tokens):
                    continue
                found = self.stopped(*stop)
                self.assertEqual(found.tokens, self.free.tokens[: first + 1])
                self.assertEqual(found.log_probs, self.free.log_probs[: first + 1])
                self.assertEqual((found.finish_reason, found.stopped_by), ("stop", token))

    def test_a_stop_string_cuts_exactly(self):
        tokenizer = small_model.trained().tokenizer
        requests, expected = [], []
        for seed, free in enumerate(
            shared().generate([Request(self.prompt, 20, 3.0, seed=seed) for seed in range(16)])
        ):
            pieces = [tokenizer.token_bytes(token) for token in free.tokens]
            whole = b"".join(pieces)
            for start, size in itertools.product(range(0, len(whole), 3), (1, 2, 5)):
                text = whole[start : start + size]
                stop = text.decode("utf-8", "ignore")
                if stop.encode("utf-8") != text:
                    continue
                place = whole.index(text)
                ends = np.cumsum([len(piece) for piece in pieces])
                count = int(np.argmax(ends >= place + len(text))) + 1
                requests.append(Request(self.prompt, 20, 3.0, seed=seed, stop=("no such", stop)))
                expected.append((stop, free.tokens[:count], whole[:place]))
        self.assertGreater(len(requests), 50)
        found = shared().generate(requests)
        for completion, (stop, tokens, before) in zip(found, expected, strict=True):
            self.assertEqual(completion.tokens, tokens)
            self.assertLen(completion.log_probs, len(tokens))
            self.assertEqual((completion.finish_reason, completion.stopped_by), ("stop", stop))
            self.assertEqual(completion.text(tokenizer), before.decode("utf-8", "replace"))

    def test_a_stop_that_is_in_no_text(self):
        [found] = shared().generate([Request(self.prompt, 5, stop=("\ud800",))])
        self.assertLen(found.tokens, 5)

    def test_max_tokens(self):
        for count in (1, 2, 3, 4, 5, 19):
            found = self.stopped(max_tokens=count)
            self.assertEqual(found.tokens, self.free.tokens[:count])
            self.assertEqual(found.finish_reason, "length")

    def test_an_endless_text_ends_where_the_context_is_full(self):
        for length in (1, 17, CONTEXT - 2, CONTEXT - 1):
            request = Request(np.full(length, 7, np.int32), 10**9)
            found = shared().generate([request])[0]
            self.assertLen(found.tokens, CONTEXT - length)
            self.assertEqual(found.finish_reason, "length")
            expected = scores(request.prompt, found.tokens)
            np.testing.assert_allclose(found.log_probs, expected, atol=1e-4)

    def test_cancel(self):
        writer = engine_of_one()
        going, waiting = (writer.submit(Request(self.prompt, 40, seed=s)) for s in (1, 2))
        writer.step()
        count = len(going.tokens)
        writer.cancel(going)
        self.assertEqual((going.finish_reason, len(going.tokens)), ("cancelled", count))
        self.assertBetween(count, 1, 39)
        last = writer.submit(Request(self.prompt, 20, seed=1))
        writer.cancel(waiting)
        self.assertEqual((waiting.finish_reason, waiting.tokens), ("cancelled", []))
        while writer.busy:
            writer.step()
        self.assertEqual(last.tokens, self.free.tokens)
        self.assertEqual(len(going.tokens), count)
        writer.cancel(last)
        self.assertEqual(last.finish_reason, "length")

    @parameterized.parameters(
        ({"prompt": np.zeros(0, np.int32)}, ValueError, "prompt is empty"),
        ({"prompt": np.zeros(CONTEXT, np.int32)}, InputError, "96 tokens long .* to 95 tokens"),
        ({"prompt": np.array([1, 400])}, InputError, "holds the token 400"),
        ({"prompt": np.array([-1, 4])}, InputError, "holds the token -1"),
        ({"max_tokens": 0}, ValueError, "max_tokens is 0"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"stop": ("a", "")}, ValueError, "empty string"),
        ({"temperature": -1.0}, ValueError, "temperature is -1.0"),
    )
    def test_refuses(self, change, error, sentence):
        given = {"prompt": self.prompt, "max_tokens": 5} | change
        with self.assertRaisesRegex(error, sentence):
            shared().submit(Request(**given))
        self.assertFalse(shared().busy)


class ReuseTest(absltest.TestCase):
    def test_the_next_turn_reads_only_what_is_new_and_writes_the_same(self):
        writer = engine(4, steps=4)
        row, other = prompts(1, seed=11)[0][:9], prompts(1, seed=12)[0]
        for turn in range(4):
            request = Request(row, 5, seed=turn)
            before = writer.tokens_read
            found = writer.generate([request, Request(other, 5, seed=turn)])[0]
            fresh = engine_without_memory().generate([request])[0]
            self.assertEqual(found.tokens, fresh.tokens)
            np.testing.assert_allclose(found.log_probs, fresh.log_probs, atol=1e-5)
            if turn:
                # Three new ones, and of the other prompt the last.
                self.assertEqual(writer.tokens_read - before, 3 + 1)
            row = np.concatenate([row, found.tokens, [1, 2, 3]]).astype(np.int32)

    def test_a_group_of_the_same_prompt_reads_it_once(self):
        writer = engine(4, steps=4)
        prompt = prompts(1, seed=13)[0]
        requests = [Request(prompt, 6, seed=i) for i in range(16)]
        found = writer.generate(requests)
        self.assertEqual(writer.tokens_read, len(prompt) + 15)
        for request, completion in zip(requests, found, strict=True):
            alone = engine_without_memory().generate([request])[0]
            self.assertEqual(completion.tokens, alone.tokens)

    def test_other_parameters_forget(self):
        writer = engine(4, steps=4)
        model = small_model.trained()
        others = random_parameters(model.architecture, seed=3)
        request = Request(prompts(1, seed=14)[0], 8, temperature=0.0)
        first = writer.generate([request])[0]
        writer.set_params(others)
        second = writer.generate([request])[0]
        expected = engine(4, params=others, steps=4).generate([request])[0]
        self.assertEqual(second.tokens, expected.tokens)
        np.testing.assert_allclose(second.log_probs, expected.log_probs, atol=1e-5)
        self.assertNotEqual(first.tokens, second.tokens)
        writer.submit(request)
        with self.assertRaisesRegex(RuntimeError, "while texts are being written"):
            writer.set_params(others)


def engine_without_memory() -> Engine:
    engine_of_one().set_params(small_model.trained().params)
    return engine_of_one()


if __name__ == "__main__":
    absltest.main()
