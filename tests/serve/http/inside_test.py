"""What goes on inside a model, and the page's other questions, over HTTP."""

import pathlib
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from absl.testing import absltest

from tests.serve import small_model
from tests.serve.http.live import MODEL, Slow, live, small_engine

TEXT = "the cat saw Zoë"


def setUpModule():
    global SERVER
    SERVER = unittest.enterModuleContext(live(small_engine, others={"other": lambda: Slow({})}))


class InsideTest(absltest.TestCase):
    def test_attention_and_lens_of_a_text(self):
        status, found = SERVER.post("/v1/inside", {"prompt": TEXT, "end_of_text_first": True})
        self.assertEqual(status, 200)
        tokenizer = small_model.tokenizer()
        ids = [tokenizer.end_of_text, *tokenizer.encode(TEXT).tolist()]
        self.assertEqual([token["id"] for token in found["tokens"]], ids)
        data = b"".join(bytes(token["bytes"]) for token in found["tokens"][1:])
        self.assertEqual(data.decode(), TEXT)
        architecture = small_model.trained().architecture
        self.assertLen(found["attention"], architecture.layers)
        for layer in found["attention"]:
            self.assertLen(layer, architecture.heads)
            for head in layer:
                self.assertEqual([len(row) for row in head], [*range(1, len(ids) + 1)])
                np.testing.assert_allclose([sum(row) for row in head], 1, atol=0.0005 * len(ids))
        self.assertLen(found["lens"], architecture.layers + 1)

    def test_the_last_layer_says_what_completions_say(self):
        ids = small_model.tokenizer().encode(TEXT).tolist()
        lens = SERVER.post("/v1/inside", {"prompt": TEXT})[1]["lens"][-1]
        body = {"prompt": ids, "echo": True, "logprobs": 5, "max_tokens": 0}
        body["return_token_ids"] = True
        found = SERVER.post("/v1/completions", body)[1]["choices"][0]["logprobs"]
        self.assertEqual(found["token_ids"], ids)
        data = [list(small_model.tokenizer().token_bytes(id)) for id in found["token_ids"]]
        self.assertEqual(found["token_bytes"], data)
        self.assertEmpty(found["top_tokens"][0])
        for shown, listed in zip(lens[:-1], found["top_tokens"][1:], strict=True):
            self.assertEqual([one["id"] for one in shown], [one["id"] for one in listed])
            got = [one["probability"] for one in shown]
            np.testing.assert_allclose(got, np.exp([x["logprob"] for x in listed]), atol=1e-4)

    def test_texts_go_on_while_a_row_waits_for_the_compiler(self):
        compiling = threading.Event()

        class Compiles(Slow):
            def compile_reading(self, size, inside):
                compiling.wait(60)

        with live(lambda: Compiles({})) as server, ThreadPoolExecutor() as threads:
            body = {"prompt": TEXT, "echo": True, "logprobs": 1, "max_tokens": 0}
            scored = threads.submit(server.post, "/v1/completions", body)
            server.until(lambda: server.metric("texts") == 1)
            hello = {"messages": [{"role": "user", "content": "hello"}]}
            self.assertEqual(server.post("/v1/chat/completions", hello)[0], 200)
            self.assertFalse(scored.done())
            compiling.set()
            self.assertEqual(scored.result(60)[0], 200)

    def test_what_is_refused(self):
        for body, code in (
            ({}, "invalid_value"),
            ({"prompt": ""}, "invalid_value"),
            ({"prompt": 5}, "invalid_type"),
            ({"prompt": "cat " * 65}, "context_length_exceeded"),
            ({"prompt": "x" * 5000}, "invalid_value"),
            ({"prompt": "x", "model": "a third"}, "model_not_found"),
        ):
            with self.subTest(body):
                status, answer = SERVER.post("/v1/inside", body)
                self.assertEqual(answer["error"]["code"], code)
                self.assertEqual(status, 404 if "model" in body else 400)


class TwoModelsTest(absltest.TestCase):
    def test_each_answers_by_its_name(self):
        listed = SERVER.get("/v1/models")[1]["data"]
        self.assertEqual([one["id"] for one in listed], [MODEL, "other"])
        self.assertEqual(SERVER.get("/v1/models/other")[1]["id"], "other")
        body = {"messages": [{"role": "user", "content": "abc"}], "model": "other"}
        answer = SERVER.post("/v1/chat/completions", body)[1]
        self.assertEqual(answer["choices"][0]["message"]["content"], "You said 3 characters.")
        self.assertEqual(answer["model"], "other")
        status, answer = SERVER.post("/v1/chat/completions", body | {"model": "a third"})
        self.assertEqual((status, answer["error"]["code"]), (404, "model_not_found"))
        SERVER.until(lambda: SERVER.metric("texts") == 0)
        self.assertEqual(SERVER.metric("slots"), 8)

    def test_the_page_learns_of_both(self):
        found = SERVER.get("/page_info")[1]
        self.assertIsNone(found["labels"])
        self.assertEqual([one["id"] for one in found["models"]], [MODEL, "other"])
        self.assertEqual(found["models"][0]["context"], 256)
        self.assertEqual(found["models"][0]["tools"], [])
        self.assertEqual(SERVER.post("/v1/labels", {})[1]["error"]["code"], "no_labels")

    def test_the_page_and_its_parts_are_there(self):
        for name in ("", "main.js", "style.css", "icon.svg"):
            with self.subTest(name):
                status, content = SERVER.get(f"/{name}")
                self.assertEqual(status, 200)
                self.assertNotEmpty(content)
        for path in ("/nothing.js", "/../api.py", "/%2e%2e/api.py", "/web/main.js"):
            self.assertEqual(SERVER.get(path)[1]["error"]["code"], "unknown_url")
        self.assertEqual(SERVER.post("/main.js", {})[1]["error"]["code"], "wrong_method")

    def test_a_key_is_needed_for_all_but_the_page(self):
        with live(lambda: Slow({}), key="k", labels=pathlib.Path(tempfile.gettempdir())) as server:
            self.assertEqual(server.get("/")[0], 200)
            self.assertEqual(server.get("/page_info")[0], 401)
            for path in ("/v1/inside", "/v1/labels"):
                self.assertEqual(server.post(path, {})[0], 401)


if __name__ == "__main__":
    absltest.main()
