"""Whatever JSON comes in on whatever route, the answer is none of a broken server."""

import json
import pathlib
import tempfile
import unittest

from absl.testing import absltest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.conversations import END
from tests.serve.http.live import Slow, live

ROUTES = (
    "/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize", "/v1/inside",
    "/v1/labels",
)  # fmt: skip
WORDS = st.sampled_from(
    ["", "a", "user", "tool", "text", "auto", "json_schema", "function", "string", "f",
     "<|im_end|>", "\ud800", "object"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-5, 400) | st.floats(allow_nan=False) | WORDS
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system", "developer", "tool", "assistant"]) | ANY},
        optional={
            "content": WORDS | ANY,
            "tool_calls": ANY,
            "tool_call_id": ANY,
            "name": ANY,
            "reasoning_content": ANY,
        },
    ),
    max_size=4,
)
SCHEMAS = st.dictionaries(
    st.sampled_from(["type", "properties", "enum", "items", "required", "anyOf", "$ref", "const"]),
    st.sampled_from(["object", "string", "array", "integer"]) | ANY,
    max_size=3,
)
TOOLS = st.lists(
    ANY
    | st.builds(lambda name, schema: {"type": "function", "function": {"name": name,
                "parameters": schema}}, WORDS, SCHEMAS),
    max_size=2,
)  # fmt: skip
FIELDS = {
    "prompt": WORDS | st.lists(st.integers(-1, 400), max_size=4) | ANY,
    "messages": MESSAGES | ANY,
    "tokens": st.lists(st.integers(-1, 400), max_size=4) | ANY,
    "tools": TOOLS | ANY,
    "tool_choice": st.sampled_from(["none", "required", "auto"]) | ANY,
    "response_format": st.builds(
        lambda schema: {"type": "json_schema", "json_schema": {"schema": schema}}, SCHEMAS
    )
    | ANY,
    "logit_bias": st.dictionaries(st.sampled_from(["0", "7", "x", "9999"]), SCALARS) | ANY,
    "stop": WORDS | ANY,
    "max_tokens": st.integers(0, 20) | ANY,
    "stream_options": ANY,
    "answer": WORDS | ANY,
    "answers": st.lists(WORDS, max_size=3) | ANY,
    "ranking": st.lists(st.lists(st.integers(-1, 3), max_size=2), max_size=3) | ANY,
    "contenders": st.lists(WORDS, max_size=3) | ANY,
} | {
    name: st.integers(0, 4) | ANY
    for name in (
        "n", "logprobs", "top_logprobs", "echo", "stream", "temperature", "top_p", "top_k", "min_p",
        "seed", "suffix", "best_of", "presence_penalty", "parse_special", "parallel_tool_calls",
        "add_generation_prompt", "return_token_bytes", "max_completion_tokens",
        "return_token_ids", "end_of_text_first",
    )
}  # fmt: skip
BODIES = st.fixed_dictionaries({}, optional=FIELDS)


def setUpModule():
    global SERVER
    labels = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    SERVER = unittest.enterModuleContext(
        live(lambda: Slow({"a": f"Yes.{END}"}, 400, 0), labels=labels)
    )


class FuzzTest(absltest.TestCase):
    def check(self, path: str, body: bytes) -> None:
        status, answer = SERVER.post(path, body)
        self.assertLess(status, 500, (path, body, answer))
        if status != 200:
            self.assertEqual(set(answer["error"]), {"message", "type", "param", "code"})
            self.assertNotIn("Traceback", answer["error"]["message"])

    @settings(max_examples=150)
    @given(st.sampled_from(ROUTES), BODIES)
    def test_fields_of_any_kind(self, path, body):
        self.check(path, json.dumps(body).encode())

    @settings(max_examples=150)
    @given(MESSAGES, BODIES)
    def test_conversations_of_any_kind(self, messages, body):
        self.check("/v1/chat/completions", json.dumps(body | {"messages": messages}).encode())

    @settings(max_examples=100)
    @given(
        st.sampled_from(ROUTES), st.binary(max_size=40) | ANY.map(lambda x: json.dumps(x).encode())
    )
    def test_bodies_of_any_kind(self, path, body):
        self.check(path, body)

    def test_nothing_is_left_over(self):
        SERVER.until(lambda: SERVER.metric("texts") == 0)
        self.assertEqual(SERVER.get("/health")[0], 200)


if __name__ == "__main__":
    absltest.main()
