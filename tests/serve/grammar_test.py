"""Text that follows a schema, whatever the model would have liked to write."""

import json
from collections.abc import Callable

import jax
import jsonschema
import numpy as np
from absl.testing import absltest, parameterized

from data.conversations import END, parse_assistant
from data.errors import InputError
from model.sharding import make_mesh
from serve import grammar
from serve.engine import Engine
from serve.requests import Request
from tests.serve import small_model

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 4},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "kind": {"enum": ["cat", "dog"]},
        "tags": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2},
    },
    "required": ["name", "age", "kind"],
    "additionalProperties": False,
}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": parameters}}
    for name, parameters in (
        ("weather", {"type": "object", "properties": {"days": {"enum": [1, 2]}},
                     "required": ["days"], "additionalProperties": False}),
        ("nothing", {"type": "object", "properties": {}, "additionalProperties": False}),
    )
]  # fmt: skip


def chain(count: int, one: Callable[[dict], dict]) -> dict:
    """Definitions each of which refers to the next."""
    places = [{"$ref": f"#/$defs/d{n}"} for n in range(count + 1)]
    found = {f"d{n}": one(places[n + 1]) for n in range(count)}
    return places[0] | {"$defs": found | {f"d{count}": {"type": "null"}}}


def nested(depth: int, inner: dict) -> dict:
    for _ in range(depth):
        inner = {"type": "array", "items": inner}
    return inner


def written(bias, seed: int, count: int = 80) -> list[int]:
    """What somebody with no preferences writes under a bias."""
    tokenizer, draw, tokens = small_model.tokenizer(), np.random.default_rng(seed), []
    for _ in range(count):
        allowed = np.flatnonzero(np.isfinite(bias(tokens)))
        tokens.append(int(draw.choice(allowed)))
        if tokens[-1] in (tokenizer.special[END], tokenizer.end_of_text):
            return tokens
    raise AssertionError("it does not end")


class SchemaTest(parameterized.TestCase):
    def test_every_text_is_of_the_schema(self):
        tokenizer = small_model.tokenizer()
        bias = grammar.json_bias(tokenizer, SCHEMA)
        for seed in range(20):
            text = tokenizer.decode(written(bias, seed)[:-1])
            jsonschema.validate(json.loads(text), SCHEMA)

    def test_calls_are_calls_of_the_tools(self):
        tokenizer = small_model.tokenizer()
        for many in (False, True):
            bias = grammar.call_bias(tokenizer, TOOLS, many)
            counts = set()
            for seed in range(20):
                message = parse_assistant(tokenizer, written(bias, seed, 1000))
                calls = message["tool_calls"]
                counts.add(len(calls))
                for call in calls:
                    allowed = {"weather": ({"days": 1}, {"days": 2}), "nothing": ({},)}
                    function = call["function"]
                    self.assertIn(function["arguments"], allowed[function["name"]])
            self.assertEqual(max(counts) > 1, many)

    def test_calls_or_an_answer(self):
        tokenizer = small_model.tokenizer()
        bias = grammar.call_bias(tokenizer, TOOLS, False, answer={"enum": ["yes"]})
        messages = [parse_assistant(tokenizer, written(bias, seed)[:-1]) for seed in range(20)]
        contents = {message["content"] for message in messages}
        self.assertEqual(contents, {"", '"yes"'})
        self.assertEqual(
            {bool(message.get("tool_calls")) for message in messages if not message["content"]},
            {True},
        )

    @parameterized.parameters(
        ({"type": "frob"},),
        ({"$ref": "https://example.com/schema"},),
        ({"type": "string", "pattern": "("},),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]},),
        # What would take minutes and gigabytes to compile.
        ({"type": "integer", "multipleOf": 10_000_019},),
        ({"type": "integer", "multipleOf": 1_000_003.0},),
        ({"type": "number", "multipleOf": 99_999.5},),
        ({"type": "number", "multipleOf": 1e300},),
        ({"allOf": [{"type": "integer", "multipleOf": n} for n in (97, 101, 103)]},),
        ({"enum": [*range(30_000)]},),
        ({"properties": {f"p{n}": {"type": "null"} for n in range(501)}},),
        # What would be more than a thread's stack holds, and end the process.
        (chain(1000, lambda then: {"type": "object", "properties": {"x": then}}),),
        (chain(1500, lambda then: {"anyOf": [then, {"type": "null"}]}),),
        (chain(3000, lambda then: then),),
        (chain(40, lambda then: nested(55, then)),),
        # What means another place than it seems to.
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$id": "https://a.example", "type": "null"}}},),
        ({"$ref": "#/$defs/b", "$defs": {"a": {"type": "null"}}},),
        ({"$ref": "#a", "$defs": {"a": {"$anchor": "a", "type": "null"}}},),
    )
    def test_what_cannot_be_followed_is_refused(self, schema):
        with self.assertRaisesRegex(InputError, "the schema cannot be followed"):
            grammar.json_bias(small_model.tokenizer(), schema)

    @parameterized.parameters(
        (chain(100, lambda then: {"type": "object", "properties": {"x": then}}),),
        (chain(8, lambda then: nested(50, then)),),
        # What leads back to itself is no way without an end.
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}},),
        ({"type": "object", "properties": {"x": {"$ref": "#"}, "y": {"$ref": "#/properties/x"}}},),
        (chain(90, lambda then: {"type": "array", "prefixItems": [then, {"$ref": "#"}]}),),
        ({"$ref": "#/$defs/a~1b%20c/0", "$defs": {"a/b c": [{"type": "null"}]}},),
        ({"$id": "https://a.example", "type": "null"},),
        ({"properties": {f"p{n}": {} for n in range(600)}, "type": "object",
          "required": [f"p{n}" for n in range(200)]},),
    )  # fmt: skip
    def test_references_and_many_properties_are_followed(self, schema):
        self.assertIsNotNone(grammar.json_bias(small_model.tokenizer(), schema)([]))
        grammar.call_bias(small_model.tokenizer(), TOOLS, many=False, answer=schema)

    def test_levels(self):
        loop = {"a": {"$ref": "#/b"}, "b": {"c": {"$ref": "#/a"}}}
        for schema, levels in (
            ({}, 1),
            ({"a": [{}], "b": {}}, 3),
            ({"a": {"$ref": "#/b"}, "b": {"c": {"d": {}}}}, 5),
            (loop, 1 + 3),
            ({"x": {"$ref": "#"}, "y": {"z": {"u": {}}}}, 2 + 3),
            ({"$ref": "#/$defs/d0", "$defs": {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"}
              for n in range(9)} | {"d9": {}}}, 2 + 10),
        ):  # fmt: skip
            with self.subTest(str(schema)):
                self.assertEqual(grammar._levels(schema), levels)

    @parameterized.parameters(0.01, 1e-6, 2.5, 100, 1e3)
    def test_usual_multiples_are_followed(self, step):
        schema = {"type": "number", "multipleOf": step}
        self.assertIsNotNone(grammar.json_bias(small_model.tokenizer(), schema)([]))

    def test_parameters_may_refer_to_parts_of_themselves(self):
        tokenizer = small_model.tokenizer()
        days = {
            "type": "object",
            "properties": {"days": {"$ref": "#/$defs/Days"}},
            "required": ["days"],
            "additionalProperties": False,
            "$defs": {"Days": {"enum": [1, 2]}},
        }
        tools = [*TOOLS, {"type": "function", "function": {"name": "f", "parameters": days}}]
        bias = grammar.call_bias(tokenizer, tools[2:], many=False)
        [call] = parse_assistant(tokenizer, written(bias, 0, 1000))["tool_calls"]
        self.assertIn(call["function"]["arguments"], ({"days": 1}, {"days": 2}))
        grammar.call_bias(tokenizer, tools, many=True)

    def test_another_message_begins_anew(self):
        tokenizer = small_model.tokenizer()
        bias = grammar.json_bias(tokenizer, {"enum": ["a", "b"]})
        first = written(bias, 0)
        self.assertEqual(written(bias, 0), first)

    def test_a_text_that_left_the_grammar_ends(self):
        tokenizer = small_model.tokenizer()
        bias = grammar.json_bias(tokenizer, {"enum": ["a", "b"]})
        self.assertIsNone(bias(tokenizer.encode("x").tolist()))


class EngineTest(absltest.TestCase):
    """The same through the engine, beside requests without a bias."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        model, mesh = small_model.trained(), make_mesh(1, 1, 1, jax.devices()[:1])
        cls.engine = Engine(
            model.params, model.architecture, model.tokenizer, slots=4, steps=4, mesh=mesh
        )

    def test_steered_and_free_requests_side_by_side(self):
        tokenizer = small_model.tokenizer()
        prompts = small_model.prompts(6, longest=20)
        ends = (tokenizer.special[END], tokenizer.end_of_text)
        free = [Request(prompt, 12, seed=n) for n, prompt in enumerate(prompts)]
        alone = self.engine.generate(free)
        bias = [grammar.json_bias(tokenizer, SCHEMA) for _ in prompts]
        steered = [
            Request(prompt, 70, seed=n, stop=ends, bias=bias[n]) for n, prompt in enumerate(prompts)
        ]
        mixed = [request for pair in zip(free, steered, strict=True) for request in pair]
        found = self.engine.generate(mixed)
        for expected, completion in zip(alone, found[::2], strict=True):
            self.assertEqual(completion.tokens, expected.tokens)
        whole = [c for c in found[1::2] if c.finish_reason == "stop"]
        self.assertGreater(len(whole), 2)
        for completion in whole:
            jsonschema.validate(json.loads(completion.text(tokenizer)), SCHEMA)

    def test_a_bias_of_nought_changes_nothing(self):
        """Neither the tokens nor their log-probabilities, at any setting of sampling."""
        prompts = small_model.prompts(4, longest=20)
        nothing = grammar.logit_bias(small_model.tokenizer().vocab_size, {})
        settings = ({"temperature": 0.0}, {}, {"top_p": 0.8}, {"top_k": 5, "temperature": 0.7})
        plain = [Request(p, 9, seed=7, **s) for p, s in zip(prompts, settings, strict=True)]
        steered = [
            Request(p, 9, seed=7, bias=nothing, **s) for p, s in zip(prompts, settings, strict=True)
        ]
        for one, other in zip(
            self.engine.generate(plain), self.engine.generate(steered), strict=True
        ):
            self.assertEqual(one.tokens, other.tokens)
            np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-5)

    def test_a_forbidden_and_a_demanded_token(self):
        size = small_model.tokenizer().vocab_size
        prompt = small_model.prompts(1)[0]
        [free] = self.engine.generate([Request(prompt, 5, temperature=0.0)])
        banned = {token: float("-inf") for token in free.tokens}
        [other] = self.engine.generate(
            [Request(prompt, 5, temperature=0.0, bias=grammar.logit_bias(size, banned))]
        )
        self.assertFalse(set(other.tokens) & set(free.tokens))
        [same] = self.engine.generate(
            [Request(prompt, 5, bias=grammar.logit_bias(size, {9: 1000.0}))]
        )
        self.assertEqual(same.tokens, [9] * 5)
        # Log-probabilities are the model's own.
        self.assertLess(max(same.log_probs), -0.1)

    def test_where_nothing_may_follow_the_text_ends(self):
        prompt = small_model.prompts(1)[0]
        bias = lambda tokens: None if len(tokens) == 3 else np.zeros(10, np.float32)  # noqa: E731
        blocked, free = self.engine.generate(
            [Request(prompt, 9, bias=bias), Request(prompt, 9, seed=1)]
        )
        self.assertEqual((blocked.finish_reason, len(blocked.tokens)), ("blocked", 3))
        self.assertEqual((free.finish_reason, len(free.tokens)), ("length", 9))

    def test_the_most_likely_tokens(self):
        prompt = small_model.prompts(1)[0][:20]
        [completion] = self.engine.generate([Request(prompt, 6, temperature=0.0, top=3)])
        self.assertEqual([top[0][0] for top in completion.top], completion.tokens)
        self.assertEqual([top[0][1] for top in completion.top], completion.log_probs)
        self.assertEqual({len(top) for top in completion.top}, {3})
        scores = self.engine.score(np.array([*prompt, *completion.tokens]), top=True)
        written = scores.log_probs[len(prompt) - 1 :]
        np.testing.assert_allclose(completion.log_probs, written, atol=1e-5)
        np.testing.assert_array_equal(
            scores.top.tokens[len(prompt) - 1 :, :3],
            [[token for token, _ in top] for top in completion.top],
        )
        self.assertEqual(scores.top.log_probs[len(prompt) - 1, 0], written[0])


if __name__ == "__main__":
    absltest.main()
