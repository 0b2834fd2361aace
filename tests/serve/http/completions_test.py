"""Completions over HTTP of a small model, against the model itself."""

import json
import unittest
from unittest import mock

import jsonschema
import numpy as np
import openai
from absl.testing import absltest

from data.conversations import TEMPLATE
from serve import engine as engine_module
from serve.requests import Request
from tests.serve import small_model, whole_row
from tests.serve.http.live import CONTEXT, MODEL, live, small_engine


def setUpModule():
    global SERVER, CLIENT, REFERENCE
    # Few functions are compiled, and shared by both engines.
    unittest.enterModuleContext(mock.patch.object(engine_module, "_LARGEST_PIECE", 32))
    SERVER = unittest.enterModuleContext(live(small_engine))
    CLIENT = openai.OpenAI(base_url=f"{SERVER.url}/v1", api_key="none", max_retries=0)
    REFERENCE = small_engine()


def complete(prompt, **options):
    return CLIENT.completions.create(model=MODEL, prompt=prompt, **options)


class CompletionsTest(absltest.TestCase):
    def test_text_is_that_of_the_engine(self):
        tokenizer = small_model.tokenizer()
        prompts = [ids.tolist() for ids in small_model.prompts(3, longest=30)]
        answer = complete(prompts, n=2, max_tokens=9, seed=5, temperature=0.9)
        self.assertEqual([choice.index for choice in answer.choices], list(range(6)))
        requests = [
            Request(np.array(ids), 9, 0.9, seed=seed, stop=(tokenizer.end_of_text,))
            for ids in prompts
            for seed in (5, 6)
        ]
        expected = [c.text(tokenizer) for c in REFERENCE.generate(requests)]
        self.assertEqual([choice.text for choice in answer.choices], expected)
        self.assertEqual(answer.usage.prompt_tokens, sum(map(len, prompts)))

    def test_a_stream_is_the_text_in_parts(self):
        options = {"max_tokens": 20, "seed": 3, "echo": True, "logprobs": 2, "n": 2}
        whole = complete("the cat", **options)
        texts, tokens, reasons = ["", ""], [[], []], [None, None]
        for chunk in complete("the cat", stream=True, **options):
            for choice in chunk.choices:
                texts[choice.index] += choice.text
                reasons[choice.index] = choice.finish_reason or reasons[choice.index]
                if choice.logprobs:
                    tokens[choice.index] += choice.logprobs.token_logprobs
        self.assertEqual(texts, [choice.text for choice in whole.choices])
        self.assertEqual(reasons, [choice.finish_reason for choice in whole.choices])
        for found, choice in zip(tokens, whole.choices, strict=True):
            self.assertEqual(found[1:], choice.logprobs.token_logprobs[1:])

    def test_scores_are_those_of_the_loss(self):
        """As evaluation harnesses ask: one token more than the prompt, whatever it is."""
        prompts = [ids.tolist() for ids in small_model.prompts(6, longest=60, seed=4)]
        prompts += [[7], list(range(90))]
        answer = complete(prompts, max_tokens=1, logprobs=1, echo=True, temperature=0, seed=1234)
        for ids, choice in zip(prompts, answer.choices, strict=True):
            scored = choice.logprobs
            for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
                self.assertLen(getattr(scored, name), len(ids) + 1)
            self.assertIsNone(scored.token_logprobs[0])
            self.assertIsNone(scored.top_logprobs[0])
            np.testing.assert_allclose(
                scored.token_logprobs[1:-1], whole_row.of_tokens(ids), atol=1e-5
            )
            # The last, written greedily, is the likeliest to the last bit; so are all those that
            # are.
            rows = zip(scored.token_logprobs[1:], scored.top_logprobs[1:], strict=True)
            greedy = [value == max(top.values()) for value, top in rows]
            self.assertTrue(greedy[-1])

    def test_scores_alone(self):
        ids = small_model.tokenizer().encode(small_model.TEXT)[:60].tolist()
        answer = complete([ids], max_tokens=0, logprobs=0, echo=True)
        [choice] = answer.choices
        self.assertEqual((choice.finish_reason, answer.usage.completion_tokens), ("length", 0))
        self.assertEqual(choice.text, small_model.tokenizer().decode(ids))
        np.testing.assert_allclose(
            choice.logprobs.token_logprobs[1:], whole_row.of_tokens(ids), atol=1e-5
        )
        for name, offset in zip(choice.logprobs.tokens, choice.logprobs.text_offset, strict=True):
            if not name.startswith("bytes:"):
                self.assertEqual(choice.text[offset : offset + len(name)], name)

    def test_strings_and_special_tokens_in_them(self):
        tokenizer = small_model.tokenizer()
        typed = "a<|endoftext|>b"
        answer = complete(typed, max_tokens=0, echo=True)
        self.assertEqual(answer.usage.prompt_tokens, len(tokenizer.encode(typed)))
        self.assertEqual(answer.choices[0].text, typed)

    def test_where_nothing_was_said_there_is_nothing_to_echo(self):
        end = small_model.tokenizer().end_of_text
        for prompt, texts in (
            ("", [""]),
            (["", "the"], ["", "the"]),
            ([end], ["<|endoftext|>"]),
            ([[end], [5]], ["<|endoftext|>", small_model.tokenizer().decode([5])]),
        ):
            answer = complete(prompt, max_tokens=0, echo=True, logprobs=1)
            self.assertEqual([choice.text for choice in answer.choices], texts)
        self.assertEqual(SERVER.post("/v1/completions", {"echo": True, "max_tokens": 0})[1][
            "choices"][0]["text"], "")  # fmt: skip

    def test_stop_and_bias(self):
        tokenizer = small_model.tokenizer()
        letter = int(tokenizer.encode("x")[0])
        # The bias makes an x of every token.
        answer = complete("the", max_tokens=5, logit_bias={str(letter): 100})
        self.assertEqual(answer.choices[0].text, "xxxxx")
        answer = complete("the", max_tokens=9, logit_bias={str(letter): 100}, stop="xxx")
        [choice] = answer.choices
        self.assertEqual((choice.text, choice.finish_reason), ("", "stop"))
        self.assertEqual(answer.usage.completion_tokens, 3)

    def test_what_is_refused(self):
        for code, prompt, options in (
            ("context_length_exceeded", list(range(CONTEXT)), {}),
            ("context_length_exceeded", "x" * 100_000, {}),
            ("invalid_value", [10_000], {}),
            ("invalid_type", [[]], {}),
            ("invalid_value", "a", {"n": 1000}),
            ("invalid_value", ["x" * 1000] * 1000, {}),  # their number, before any is read
            ("invalid_value", "a", {"logprobs": 21}),
            ("unsupported_value", "a", {"suffix": "b"}),
        ):
            with self.subTest(f"{code} {options}"):
                with self.assertRaises(openai.BadRequestError) as caught:
                    complete(prompt, **options)
                self.assertEqual(caught.exception.code, code)

    def test_counts(self):
        before = SERVER.metric("written_tokens_total"), SERVER.metric("first_token_seconds_count")
        complete("the cat", max_tokens=7, logit_bias={"9": 100})
        self.assertEqual(SERVER.metric("written_tokens_total"), before[0] + 7)
        self.assertEqual(SERVER.metric("first_token_seconds_count"), before[1] + 1)
        status, page = SERVER.get("/metrics")
        self.assertEqual(status, 200)
        self.assertIn(b'primer_requests_total{route="/v1/completions",status="200"}', page)


class SchemaTest(absltest.TestCase):
    def test_an_answer_of_a_schema(self):
        schema = {
            "type": "object",
            "properties": {"a": {"enum": ["x", "y"]}, "b": {"type": "boolean"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        }
        wanted = {"type": "json_schema", "json_schema": {"name": "it", "schema": schema}}
        answer = CLIENT.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "cat"}],
            response_format=wanted,
            n=4,
            seed=1,
        )
        for choice in answer.choices:
            self.assertEqual(choice.finish_reason, "stop")
            jsonschema.validate(json.loads(choice.message.content), schema)

    def test_a_call_that_is_demanded(self):
        parameters = {
            "type": "object",
            "properties": {"x": {"enum": [1, 2]}},
            "required": ["x"],
            "additionalProperties": False,
        }
        tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
        for how in ("required", {"type": "function", "function": {"name": "f"}}):
            answer = CLIENT.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": "c"}],
                tools=[tool],
                tool_choice=how,
                parallel_tool_calls=False,
                seed=1,
            )
            [choice] = answer.choices
            self.assertEqual(choice.finish_reason, "tool_calls")
            [called] = choice.message.tool_calls
            self.assertIn(json.loads(called.function.arguments), ({"x": 1}, {"x": 2}))


class TokensTest(absltest.TestCase):
    def test_there_and_back(self):
        tokenizer = small_model.tokenizer()
        text = "naïve 日本語 <|im_end|> 😀"
        body = {"prompt": text, "return_token_bytes": True}
        _, answer = SERVER.post("/tokenize", body)
        self.assertEqual(answer["tokens"], tokenizer.encode(text).tolist())
        self.assertEqual(b"".join(map(bytes, answer["token_bytes"])).decode(), text)
        _, back = SERVER.post("/detokenize", {"tokens": answer["tokens"]})
        self.assertEqual(back, {"prompt": text})

    def test_what_harnesses_ask(self):
        """The id of the end token is looked up by its name."""
        tokenizer = small_model.tokenizer()
        _, info = SERVER.get("/tokenizer_info")
        self.assertEqual(info["chat_template"], TEMPLATE.read_text(encoding="utf-8"))
        _, answer = SERVER.post("/tokenize", {"prompt": info["eos_token"]})
        self.assertEqual(answer["tokens"], [tokenizer.end_of_text])
        _, answer = SERVER.post("/tokenize", {"prompt": "a<|im_end|>", "parse_special": True})
        self.assertEqual(answer["tokens"][-1], tokenizer.special["<|im_end|>"])

    def test_conversations(self):
        messages = [{"role": "user", "content": "a"}]
        _, opened = SERVER.post("/tokenize", {"messages": messages})
        _, closed = SERVER.post("/tokenize", {"messages": messages, "add_generation_prompt": False})
        self.assertEqual(opened["tokens"][: closed["count"]], closed["tokens"])
        self.assertGreater(opened["count"], closed["count"])


if __name__ == "__main__":
    absltest.main()
