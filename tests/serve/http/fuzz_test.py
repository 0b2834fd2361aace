"""Whatever comes in on whatever route, the answer is none of a broken server."""

import json
import logging
import pathlib
import re
import tempfile
import unittest
from unittest import mock

from absl.testing import absltest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.conversations import END
from serve import engine as engine_module
from serve.tools.tool import Tool
from tests.serve.http.limits_test import raw
from tests.serve.http.live import Slow, live, small_engine

ROUTES = (
    "/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize", "/v1/inside",
    "/v1/labels",
)  # fmt: skip
WORDS = st.sampled_from(
    ["", "a", "user", "tool", "text", "auto", "json_schema", "function", "string", "f",
     "<|im_end|>", "\ud800", "object"]
)  # fmt: skip
NUMBERS = st.integers(-5, 400) | st.floats(allow_nan=False) | st.sampled_from([10**30, -(10**400)])
SCALARS = st.none() | st.booleans() | NUMBERS | WORDS
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
CALLS = st.lists(
    ANY
    | st.builds(
        lambda name, arguments, id: {
            "id": id, "function": {"name": name, "arguments": arguments},
        },
        WORDS,
        ANY | ANY.map(json.dumps),
        WORDS,
    ),
    max_size=2,
)  # fmt: skip
MESSAGES = st.lists(
    ANY
    | st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system", "developer", "tool", "assistant"]) | ANY},
        optional={
            "content": WORDS | ANY,
            "tool_calls": CALLS | ANY,
            "tool_call_id": WORDS | ANY,
            "name": ANY,
            "reasoning_content": ANY,
        },
    ),
    max_size=4,
)
SCHEMAS = st.recursive(
    st.dictionaries(
        st.sampled_from(["type", "enum", "items", "required", "$ref", "const", "x-guidance"]),
        st.sampled_from(["object", "string", "array", "integer", "#", "#/$defs/a"]) | ANY,
        max_size=3,
    )
    | st.sampled_from(["string", "integer", "boolean", "null"]).map(lambda kind: {"type": kind})
    | st.lists(SCALARS, min_size=1, max_size=3).map(lambda values: {"enum": values})
    | st.sampled_from(["a+", "[", "(a{999}){999}", "^$", r"\\p{L}*", "(?=a)"]).map(
        lambda pattern: {"type": "string", "pattern": pattern}
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array"]),
            "properties": st.dictionaries(WORDS, inner, max_size=2),
            "required": st.lists(WORDS, max_size=2),
            "items": inner,
            "anyOf": st.lists(inner, max_size=2),
            "allOf": st.lists(inner, max_size=2),
            "$defs": st.fixed_dictionaries({"a": inner}),
            "minItems": NUMBERS,
            "maxLength": NUMBERS,
        },
    ),
    max_leaves=4,
)
TOOLS = st.lists(
    ANY
    | st.just({"type": "echo"})
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
# What a model is steered by, and what it writes then.
STEERED = st.fixed_dictionaries(
    {
        "messages": st.just([{"role": "user", "content": "a"}]),
        "max_tokens": st.integers(1, 12),
    },
    optional={
        name: FIELDS[name]
        for name in ("tools", "tool_choice", "response_format", "logit_bias", "stop", "stream",
                     "temperature", "top_p", "top_k", "min_p", "seed", "n", "logprobs",
                     "top_logprobs")
    },
)  # fmt: skip
# The pieces of which requests are made that may be none of HTTP.
TARGETS = st.sampled_from(
    ["/", "/health", "/metrics", "/v1/models", "/v1/models/small-chat", "/v1/models/%ff%00",
     "/page_info", "/tokenizer_info", "/v1/completions", "//", "/..%2f..%2fetc/passwd", "*",
     "http://localhost/health", "/health?a=%", "/index.html", "/%F0%9F%98%80", "x"]
) | st.text(st.characters(codec="latin-1"), max_size=20)  # fmt: skip
HEADERS = st.sampled_from(
    ["Host: localhost", "Host: [::1]:80", "Host: [", "Host: é", "Origin: null", "Origin: ://",
     "Content-Length: 0", "Content-Length: -1", "Content-Length: " + "9" * 5000,
     "Content-Length: 5", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip",
     "Expect: 100-continue", "Upgrade: websocket\r\nConnection: Upgrade", "Connection: close",
     "Authorization: Bearer \xff", "Accept-Encoding: br", "Range: bytes=0-1", "X: " + "y" * 70_000]
) | st.text(st.characters(codec="latin-1"), max_size=20)  # fmt: skip


class _Errors(logging.Handler):
    """Keeps what is logged as an error, by whatever thread."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


def setUpModule():
    global SERVER, STEERABLE, IMPATIENT, ERRORS
    ERRORS = _Errors()
    for name in ("", "absl"):
        logging.getLogger(name).addHandler(ERRORS)
        unittest.addModuleCleanup(logging.getLogger(name).removeHandler, ERRORS)
    labels = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    declared = {"type": "function", "function": {"name": "echo", "parameters": {}}}
    SERVER = unittest.enterModuleContext(
        live(
            lambda: Slow({"a": f"Yes.{END}"}, 400, 0),
            tools=(Tool(declared, lambda arguments: "a", "echo"),),
            labels=labels,
        )
    )
    # Many of its requests never come to their end.
    IMPATIENT = unittest.enterModuleContext(live(lambda: Slow({}, 400, 0), read_seconds=0.2))
    unittest.enterModuleContext(mock.patch.object(engine_module, "_LARGEST_PIECE", 32))
    STEERABLE = unittest.enterModuleContext(live(small_engine))


def written(body: object) -> bytes:
    """As JSON, but that infinity is a number which is only read as one."""
    return json.dumps(body).replace("Infinity", "1e999").encode()


class FuzzTest(absltest.TestCase):
    def tearDown(self):
        self.assertEqual(ERRORS.found, [])

    def check(self, path: str, body: bytes, server=None) -> None:
        status, answer = (server or SERVER).post(path, body)
        self.assertLess(status, 500, (path, body, answer))
        if status == 200 and isinstance(answer, bytes):
            *events, last = answer.removesuffix(b"\n\n").split(b"\n\n")
            self.assertTrue(events, (path, body))
            if last == b"data: [DONE]":
                return
            answer = json.loads(last.removeprefix(b"data: "))
            self.assertEqual(answer["error"]["type"], "invalid_request_error", (path, body))
        elif status == 200:
            return
        self.assertEqual(set(answer["error"]), {"message", "type", "param", "code"})
        self.assertNotIn("Traceback", answer["error"]["message"])

    @settings(max_examples=150)
    @given(st.sampled_from(ROUTES), BODIES)
    def test_fields_of_any_kind(self, path, body):
        self.check(path, written(body))

    @settings(max_examples=150)
    @given(MESSAGES, BODIES)
    def test_conversations_of_any_kind(self, messages, body):
        self.check("/v1/chat/completions", written(body | {"messages": messages}))

    @settings(max_examples=100, deadline=None)
    @given(STEERED)
    def test_schemas_and_settings_of_any_kind_on_a_model(self, body):
        self.check("/v1/chat/completions", written(body), STEERABLE)

    @settings(max_examples=150, deadline=None)
    @given(
        st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "TRACE", "", "é"]),
        TARGETS,
        st.lists(HEADERS, max_size=3),
        st.sampled_from([b"", b"{}", b"5\r\n", b"zz\r\n", b"0\r\n\r\n", b"\0" * 10]),
    )
    def test_requests_of_any_kind(self, method, target, headers, body):
        head = "\r\n".join([f"{method} {target} HTTP/1.1", *headers, "Connection: close", "", ""])
        try:
            answer = raw(IMPATIENT.port, head.encode("latin-1") + body)
        except ConnectionError:
            return  # closed before all of it was read
        if answer:
            status = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
            self.assertLess(int(status[1]), 500, (head, answer))
            self.assertNotIn(b"Traceback", answer)

    @settings(max_examples=100)
    @given(
        st.sampled_from(ROUTES),
        st.binary(max_size=40)
        | ANY.map(written)
        | st.builds(lambda n: b'{"response_format":' * n + b"1" + b"}" * n, st.integers(1, 1200)),
    )
    def test_bodies_of_any_kind(self, path, body):
        self.check(path, body)

    def test_schemas_of_any_depth_and_numbers(self):
        hello = b'{"messages": [{"role": "user", "content": "a"}], "response_format": %b}'
        wanted = b'{"type": "json_schema", "json_schema": {"schema": %b}}'
        for depth in (1, 60, 150, 500, 900, 950, 980, 990, 5000):
            schema = b'{"items":' * depth + b"{}" + b"}" * depth
            self.check("/v1/chat/completions", hello % (wanted % schema))
        for number in (b"1e999", b"-1e999", b"1" + b"0" * 4000, b"1e-999"):
            for schema in (b'{"const": %b}', b'{"type": "string", "maxLength": %b}'):
                self.check("/v1/chat/completions", hello % (wanted % (schema % number)))

    def test_nothing_is_left_over(self):
        for server in (SERVER, STEERABLE, IMPATIENT):
            server.until(lambda: server.metric("texts") == 0)  # noqa: B023
            self.assertEqual(server.get("/health")[0], 200)


if __name__ == "__main__":
    absltest.main()
