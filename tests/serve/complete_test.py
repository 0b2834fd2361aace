import dataclasses
import itertools
import pathlib
import tempfile
import types

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized

from data import tokenizer
from data.encoding import Tokenizer
from data.errors import InputError
from model import decode
from model.config import ModelConfig
from model.parameters import initialise, parameters
from model.sampling import sampling
from model.sharding import make_mesh, shardings
from serve import complete
from serve.complete import completion, prompt_ids, text_pieces
from serve.load import Trained

CONTEXT = 64
GREEDY = {"temperature": 0.0}
GENERATE = jax.jit(decode.generate, static_argnums=(1, 6, 7, 8))
TEXT = "the cat saw Zoë and 日本語 and 😀 😀 on the naïve mat while the dogs ran\n" * 20


def setUpModule():
    global TRAINED
    trained = tokenizer.train_bpe([TEXT], 320, "qwen2")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tokenizer.json"
        path.write_text(trained.to_str(), encoding="utf-8")
        encoding = Tokenizer.load(path)
    config = ModelConfig(
        vocab_size=384,
        layers=1,
        width=64,
        heads=4,
        kv_heads=2,
        head_dim=16,
        mlp_width=128,
        context=CONTEXT,
    )
    declarations = parameters(config)
    noise = jax.tree.map(
        lambda param: dataclasses.replace(param, init=jax.nn.initializers.normal(0.1)), declarations
    )
    # Nothing at zero: a model at its start ignores its context.
    params = jax.jit(
        lambda: jax.tree.map(
            jnp.add,
            initialise(jax.random.key(0), declarations),
            initialise(jax.random.key(1), noise),
        )
    )()
    TRAINED = Trained(params, config, encoding, None, 0)


def complete_text(text, *, seed=0, max_tokens=20, trained=None, **settings):
    trained = trained or TRAINED
    ids = prompt_ids(trained, text)
    return list(completion(trained, ids, sampling(1, **settings), seed, max_tokens))


class CompletionTest(parameterized.TestCase):
    def test_the_seed_decides(self):
        first = complete_text("the cat", seed=1)
        self.assertEqual(complete_text("the cat", seed=1), first)
        self.assertNotEqual(complete_text("the cat", seed=2), first)
        self.assertLen(first, 20)

    @parameterized.parameters(
        (GREEDY,), ({"temperature": 1.0},), ({"temperature": 0.7, "top_k": 5, "top_p": 0.9},)
    )
    def test_equals_generate(self, settings):
        texts = ("a", "the cat saw", "the dogs ran while Zoë saw the mat")
        prompts = [prompt_ids(TRAINED, text) for text in texts]
        tokens, counts = GENERATE(
            TRAINED.params,
            TRAINED.architecture,
            np.stack([np.pad(ids, (0, 30 - len(ids))) for ids in prompts]),
            np.array([len(ids) for ids in prompts]),
            jnp.stack([jax.random.key(3)] * len(texts)),
            sampling(len(texts), **settings),
            20,
            TRAINED.tokenizer.vocab_size,
            TRAINED.tokenizer.end_of_text,
        )
        for text, row, count in zip(texts, tokens, counts, strict=True):
            self.assertEqual(complete_text(text, seed=3, **settings), row[:count].tolist())

    def test_stops_at_max_tokens(self):
        longer = complete_text("the cat", max_tokens=12, **GREEDY)
        for count in (1, 2, 11, 12):
            self.assertEqual(complete_text("the cat", max_tokens=count, **GREEDY), longer[:count])

    def test_stops_before_end_of_text(self):
        tokens = complete_text("the cat", seed=1)
        for end in {tokens[0], tokens[5], tokens[-1]}:
            trained = TRAINED._replace(
                tokenizer=dataclasses.replace(TRAINED.tokenizer, end_of_text=end)
            )
            found = complete_text("the cat", seed=1, trained=trained)
            self.assertEqual(found, tokens[: tokens.index(end)])

    def test_stops_where_the_context_is_full(self):
        for text in ("a", "the cat saw Zoë", "x" * (CONTEXT - 1)):
            ids = prompt_ids(TRAINED, text)
            self.assertLen(complete_text(text, max_tokens=1000), CONTEXT - len(ids))

    def test_too_long_a_prompt(self):
        with self.assertRaisesRegex(InputError, f"prompt is {CONTEXT} tokens .* context {CONTEXT}"):
            prompt_ids(TRAINED, "x" * CONTEXT)

    def test_an_empty_prompt_begins_a_document(self):
        end = TRAINED.tokenizer.end_of_text
        self.assertEqual(prompt_ids(TRAINED, "").tolist(), [end])
        self.assertNotIn(end, prompt_ids(TRAINED, "<|endoftext|>").tolist())

    def test_only_tokens_of_the_tokenizer_are_written(self):
        tokens = complete_text("a", max_tokens=60, temperature=100.0)
        self.assertLess(max(tokens), TRAINED.tokenizer.vocab_size)

    def test_few_shapes_are_compiled(self):
        complete_text("x" * 5, max_tokens=3)
        complete_text("x" * 40, max_tokens=3)
        sizes = complete._prefill._cache_size(), complete._step._cache_size()
        for length, count in itertools.product((1, 7, 20, 31), (3, 20)):
            complete_text("x" * length, max_tokens=count)
            complete_text("x" * (33 + length % 7), max_tokens=count)
        found = complete._prefill._cache_size(), complete._step._cache_size()
        # One more: a short prompt with a long completion needs the longer cache.
        self.assertLessEqual(found[0] - sizes[0], 1)
        self.assertLessEqual(found[1] - sizes[1], 0)

    def test_split_over_devices(self):
        mesh = make_mesh(1, 1, 4, jax.devices()[:4])
        places = shardings(parameters(TRAINED.architecture), mesh)
        split = TRAINED._replace(params=jax.device_put(TRAINED.params, places))
        alone = complete_text("the cat", **GREEDY)
        with jax.set_mesh(mesh):
            self.assertEqual(complete_text("the cat", trained=split, **GREEDY), alone)


class TextPiecesTest(parameterized.TestCase):
    def pieces(self, tokens: list[bytes]) -> list[str]:
        """What has been shown after each token."""
        reader = types.SimpleNamespace(token_bytes=lambda token: tokens[token])
        shown, at, texts = "", 0, []

        def counted():
            nonlocal at
            for at in range(len(tokens)):
                yield at
                texts.append(shown)

        for piece in text_pieces(counted(), reader):
            self.assertNotEqual(piece, "")
            shown += piece
        return texts

    @hypothesis.given(st.text(), st.lists(st.integers(0, 60)))
    def test_any_text_through_any_split(self, text, cuts):
        data = text.encode("utf-8")
        edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
        tokens = [data[start:end] for start, end in itertools.pairwise(edges)]
        shown = self.pieces(tokens)
        read = b""
        for token, found in zip(tokens, shown, strict=True):
            read += token
            # All whole characters, at once, and nothing of the one that is not whole.
            self.assertEqual(found, read.decode("utf-8", "ignore"))
        self.assertEqual(shown[-1] if shown else "", text)

    @hypothesis.given(st.lists(st.binary(max_size=4)))
    def test_bytes_that_are_no_text(self, tokens):
        shown = self.pieces(tokens)
        whole = b"".join(tokens).decode("utf-8", "replace")
        found = shown[-1] if shown else ""
        # What may be the start of a character is held back at the very end.
        self.assertIn(whole, (found, found + "\ufffd", found + "\ufffd\ufffd"))

    @hypothesis.given(st.text())
    def test_a_tokenizer_s_tokens(self, text):
        ids = TRAINED.tokenizer.encode(text).tolist()
        self.assertEqual("".join(text_pieces(ids, TRAINED.tokenizer)), text)

    def test_a_character_cut_short_is_not_shown(self):
        self.assertEqual(self.pieces([b"a\xf0", b"\x9f\x98"]), ["a", "a"])


if __name__ == "__main__":
    absltest.main()
