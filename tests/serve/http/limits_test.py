"""What a client cannot do: too much, too slowly, without a key, from elsewhere."""

import http.client
import json
import resource
import socket
import threading
import time
import unittest
from unittest import mock

from absl.testing import absltest, parameterized

from data.conversations import END
from serve.http.limits import connections_allowed
from tests.serve.http.live import Slow, live

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
LONG = {"messages": [{"role": "user", "content": "long"}]}
SAID = {"hello": f"Good day.{END}", "long": "the cat " * 400 + END}
CHAT = "/v1/chat/completions"


def setUpModule():
    global SERVER
    SERVER = unittest.enterModuleContext(live(lambda: Slow(SAID), body_bytes=10_000))


def raw(port: int, data: bytes, seconds: float = 10) -> bytes:
    """What comes back to bytes sent as they are, until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def head(length: str, path: str = CHAT) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode()


class ConnectionsAllowedTest(absltest.TestCase):
    def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be(self):
        for limits, wanted, raised, allowed in (
            ((1024, 4096), 1024, (1280, 4096), 1024),
            ((1024, 1100), 1024, (1100, 1100), 844),
            ((1024, resource.RLIM_INFINITY), 5000, (5256, resource.RLIM_INFINITY), 5000),
            ((4096, 4096), 1024, None, 1024),
            ((resource.RLIM_INFINITY,) * 2, 1024, None, 1024),
        ):
            with (
                self.subTest(str(limits)),
                mock.patch.object(resource, "getrlimit", return_value=limits),
                mock.patch.object(resource, "setrlimit") as put,
            ):
                self.assertEqual(connections_allowed(wanted), allowed)
                self.assertEqual(put.call_args and put.call_args.args[1], raised)


class BodiesTest(absltest.TestCase):
    def assert_refused(self, body: bytes, status: int, code: str) -> None:
        found, answer = SERVER.post(CHAT, body)
        self.assertEqual((found, answer["error"]["code"]), (status, code))
        self.assertEqual(answer["error"]["type"], "invalid_request_error")

    def test_what_is_no_json(self):
        for body in (
            b"", b"{", b"[]", b'"x"', b"\xff\xfe", b'{"a": NaN}', b'{"a": ' + b"[" * 4000,
            b'{"a": ' + b"9" * 5000 + b"}", json.dumps(HELLO).encode()[:-1] + b"\xc3}",
        ):  # fmt: skip
            with self.subTest(body[:20]):
                self.assert_refused(body, 400, "invalid_json")

    def test_a_lone_surrogate_is_text(self):
        body = b'{"messages":[{"role":"user","content":"\\ud800"}],"model":null}'
        self.assertEqual(SERVER.post(CHAT, body)[0], 200)
        status, answer = SERVER.post(CHAT, b'{"messages":[{"role":"user"}],"model":"\\ud800"}')
        self.assertEqual((status, answer["error"]["code"]), (404, "model_not_found"))

    def test_a_large_body_is_refused_unread(self):
        answer = raw(SERVER.port, head("Content-Length: 100000000") + b"x" * 1000)
        self.assertIn(b"413 ", answer.split(b"\r\n")[0])
        self.assertIn(b"request_too_large", answer)

    def test_a_large_body_of_unknown_length_is_not_read_to_its_end(self):
        sent = 0
        with socket.create_connection(("127.0.0.1", SERVER.port), timeout=10) as connection:
            connection.sendall(head("Transfer-Encoding: chunked"))
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                while sent < 100_000:
                    connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
                    sent += 1
        self.assertLess(sent, 20_000)

    def test_unknown_routes_and_methods(self):
        for method, path, status in (
            ("GET", "/nowhere", 404), ("GET", CHAT, 405), ("POST", "/health", 405),
            ("GET", "/v1/models/other", 404), ("GET", "/../etc/passwd", 404),
        ):  # fmt: skip
            with self.subTest(path):
                found, answer = SERVER.ask(method, path)
                self.assertEqual(found, status)
                self.assertIn("message", answer["error"])


class SlowClientsTest(absltest.TestCase):
    def test_slow_clients_are_closed(self):
        whole = json.dumps(HELLO).encode()
        beginnings = {
            "nothing": b"",
            "half a head": head("Content-Length: 5")[:-10],
            "half a body": head(f"Content-Length: {len(whole)}") + whole[:10],
        }
        with live(lambda: Slow(SAID), read_seconds=0.5) as server:
            for name, data in beginnings.items():
                with self.subTest(name):
                    begun = time.monotonic()
                    answer = raw(server.port, data)
                    self.assertLess(time.monotonic() - begun, 5)
                    self.assertEqual(b"408 " in answer, name == "half a body")

    def test_a_trickle_of_head_after_a_whole_request(self):
        with live(lambda: Slow(SAID), read_seconds=0.5) as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertIn(b"200 OK", connection.recv(65536))
                begun = time.monotonic()
                with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                    while time.monotonic() - begun < 8:
                        connection.sendall(b"G")
                        time.sleep(0.1)

    def test_one_who_does_not_read_is_given_up(self):
        said = {"hello": "the cat " * 40_000}
        with live(lambda: Slow(said, 100_000, 0), write_seconds=0.5) as server:
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                connection.connect(("127.0.0.1", server.port))
                body = json.dumps(HELLO | {"stream": True, "n": 8}).encode()
                connection.sendall(head(f"Content-Length: {len(body)}") + body)
                server.until(lambda: server.metric("texts") == 8)
                server.until(lambda: server.metric("texts") == 0, 60)
                server.until(
                    lambda: server.metric("requests_total", route=CHAT, status="gone") == 1
                )


class KeysTest(absltest.TestCase):
    def test_only_the_key_opens(self):
        with live(lambda: Slow(SAID), key="secret") as server:
            for shown in (None, "secret", "Bearer wrong", "Basic secret", "Bearer sécret"):
                headers = {} if shown is None else {"Authorization": shown.encode("latin-1")}
                for method, path in (("POST", CHAT), ("GET", "/v1/models"), ("GET", "/metrics")):
                    with self.subTest(f"{shown} {path}"):
                        status, answer = server.ask(method, path, HELLO, headers)
                        self.assertEqual(
                            (status, answer["error"]["code"]), (401, "invalid_api_key")
                        )
            right = {"Authorization": "Bearer secret"}
            self.assertEqual(server.post(CHAT, HELLO, right)[0], 200)
            self.assertEqual(server.get("/health")[0], 200)

    def test_other_sites_and_names(self):
        for headers, status in (
            ({"Origin": "https://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Host": "evil.example"}, 403),
            ({"Origin": f"http://127.0.0.1:{SERVER.port}"}, 200),
            ({"Host": "localhost"}, 200),
        ):
            with self.subTest(str(headers)):
                self.assertEqual(SERVER.post(CHAT, HELLO, headers)[0], status)

    def test_a_wrong_name_is_told_what_to_do(self):
        status, answer = SERVER.get("/health", {"Host": "host.docker.internal" + "x" * 90})
        message = answer["error"]["message"]
        self.assertEqual((status, answer["error"]["code"]), (403, "wrong_host"))
        self.assertIn("host.docker.internalx", message)
        self.assertIn("localhost", message)
        self.assertIn("--api_key", message)
        self.assertLess(len(message), 220)

    def test_with_a_key_the_origin_does_not_matter(self):
        """As of this server's own page, behind a proxy by which it has another name."""
        with live(lambda: Slow(SAID), key="secret") as server:
            headers = {"Origin": "https://a.example", "Host": "inner"}
            self.assertEqual(server.post(CHAT, HELLO, headers)[0], 401)
            headers |= {"Authorization": "Bearer secret"}
            self.assertEqual(server.post(CHAT, HELLO, headers)[0], 200)


class QueueTest(absltest.TestCase):
    def test_beyond_the_queue_is_refused_and_room_comes_back(self):
        with live(lambda: Slow(SAID), slots=1, queue=2) as server:
            leaving = [open_stream(server.port) for _ in range(3)]
            server.until(lambda: server.metric("texts") == 3)
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            connection.request("POST", CHAT, json.dumps(HELLO))
            response = connection.getresponse()
            error = json.loads(response.read())["error"]
            self.assertEqual((response.status, error["type"]), (429, "rate_limit_error"))
            self.assertGreaterEqual(int(response.headers["Retry-After"]), 1)
            self.assertEqual(server.metric("refused_total"), 1)
            for stream in leaving:
                stream.close()
            server.until(lambda: server.metric("texts") == 0)
            self.assertEqual(server.post(CHAT, HELLO)[0], 200)
            status, answer = server.post(CHAT, HELLO | {"n": 4})
            self.assertEqual((status, answer["error"]["code"]), (400, "too_many_texts"))


def open_stream(port: int) -> socket.socket:
    """A connection on which a long text is being streamed."""
    body = json.dumps(LONG | {"stream": True}).encode()
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(head(f"Content-Length: {len(body)}") + body)
    return connection


class DrainTest(absltest.TestCase):
    def test_running_streams_are_finished_and_new_ones_refused(self):
        with live(lambda: Slow(SAID)) as server:
            stream = open_stream(server.port)
            begun = stream.recv(4096)
            idle = http.client.HTTPConnection("127.0.0.1", server.port)
            idle.connect()
            server.server.should_exit = True
            time.sleep(0.5)
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.port), timeout=5)
            while part := stream.recv(65536):
                begun += part
            self.assertIn(b"data: [DONE]", begun)
            stream.close()
            idle.close()
            server.thread.join(30)
            self.assertFalse(server.thread.is_alive())

    def test_what_takes_too_long_is_cut_off(self):
        with live(
            lambda: Slow({"long": "the cat " * 4000}, 99999, 0.05), drain_seconds=0.3
        ) as server:
            stream = open_stream(server.port)
            stream.recv(4096)
            server.server.should_exit = True
            server.thread.join(30)
            self.assertFalse(server.thread.is_alive())
            stream.close()


class Panic(BaseException):
    """As libraries in Rust raise."""


class FailureTest(parameterized.TestCase):
    @parameterized.parameters(RuntimeError, Panic)
    def test_an_engine_that_breaks_leaves_nobody_waiting(self, error):
        class Breaking(Slow):
            def step(self) -> None:
                super().step()
                if self.writing == 2:
                    raise error("broken")

        with live(lambda: Breaking(SAID)) as server:
            answers = []
            ask = lambda: answers.append(server.post(CHAT, LONG))  # noqa: E731
            threads = [threading.Thread(target=ask) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            self.assertEqual([status for status, _ in answers], [503, 503])
            self.assertNotIn("broken", str(answers))
            self.assertEqual(server.get("/health"), (503, {"status": "failed"}))
            self.assertEqual(server.post(CHAT, HELLO)[0], 503)


if __name__ == "__main__":
    absltest.main()
