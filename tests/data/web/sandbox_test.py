import os
import pickle
import signal
import subprocess
import sys
import threading
import time

from absl.testing import absltest

from data.web.decisions import Drop
from data.web.extract import Extraction, text_of
from data.web.language import Language
from data.web.sandbox import Sandbox
from tests.data.web import shared
from tests.data.web.shared import GERMAN, PROSE, page

# 400,000 attributes of one tag, which libxml2 compares each with each: minutes, all of them in C.
ATTRIBUTES = b"<html><body><div " + b" ".join(b"a%d=x" % n for n in range(400_000)) + b">x</div>"


class SandboxTest(absltest.TestCase):
    def test_is_the_function_that_it_runs(self):
        options = Extraction()
        german, polish = page(GERMAN * 2).encode(), page(["Zażółć gęślą jaźń. " * 9])
        pages = [
            (page(PROSE).encode(), None),
            (polish.encode("iso-8859-2"), "iso-8859-2"),
            (b"", None),
            (b"%PDF-1.7", "x" * 5000),
            (b"<p>x" * 1000 + b"\0\xff", None),
            (german, "utf-8"),
            (b"x" * (6 << 20), None),
        ]
        for languages in (None, Language()):
            with Sandbox(options, languages) as sandbox:
                for data, charset in pages:
                    expected = text_of(data, options, charset, languages)
                    self.assertEqual(sandbox.text_of(data, charset), expected)

    def test_cpu_time_ends_a_page_and_not_the_run(self):
        with Sandbox(Extraction(cpu_seconds=0.5)) as sandbox:
            expected = sandbox.text_of(page(PROSE).encode())
            found = sandbox.text_of(ATTRIBUTES)
            self.assertEqual(found, Drop("extraction", "cpu_time", 0.5))
            self.assertEqual(sandbox.text_of(page(PROSE).encode()), expected)

    def test_elapsed_time_ends_nothing(self):
        with Sandbox(Extraction(cpu_seconds=1)) as sandbox:
            expected = sandbox.text_of(page(PROSE).encode())
            os.kill(sandbox._process.pid, signal.SIGSTOP)
            waking = threading.Timer(2, os.kill, (sandbox._process.pid, signal.SIGCONT))
            waking.start()
            self.assertEqual(sandbox.text_of(page(PROSE).encode()), expected)
            waking.join()

    def test_memory_is_limited(self):
        if not sys.platform.startswith("linux"):
            self.skipTest("only Linux limits the memory of a process")
        # Elements of half a kilobyte of markup become some tens of megabytes.
        data = page(PROSE).encode() + b"<i>x</i>" * 500_000
        with Sandbox(Extraction(memory_megabytes=64)) as sandbox:
            self.assertIn(sandbox.text_of(data).reason, ("failed", "memory", "crashed"))
            self.assertIn(PROSE[0], sandbox.text_of(page(PROSE).encode()))

    def test_a_page_that_ends_the_process(self):
        with Sandbox(Extraction()) as sandbox:
            expected = sandbox.text_of(page(PROSE).encode())
            for wanted in (signal.SIGSEGV, signal.SIGKILL):
                os.kill(sandbox._process.pid, wanted)
                self.assertEqual(sandbox.text_of(b"<p>x").reason, "crashed")
                self.assertEqual(sandbox.text_of(page(PROSE).encode()), expected)

    def test_several_threads(self):
        with Sandbox(Extraction()) as sandbox:
            pages = [page([f"Number {n} of all. {PROSE[n % 3]}"] * 3).encode() for n in range(24)]
            found: dict[int, object] = {}

            def take(first: int) -> None:
                for number in range(first, 24, 4):
                    found[number] = sandbox.text_of(pages[number])

            threads = [threading.Thread(target=take, args=(first,)) for first in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for number, data in enumerate(pages):
            self.assertEqual(found[number], text_of(data, Extraction()))

    def test_pickles_without_its_process(self):
        with Sandbox(Extraction(), Language()) as sandbox:
            sandbox.text_of(page(PROSE).encode())
            copy = pickle.loads(pickle.dumps(sandbox))
        with copy:
            self.assertEqual(copy.text_of(page(GERMAN * 2).encode()).step, "language")

    def test_the_process_ends_with_its_owner(self):
        program = (
            "from data.web.sandbox import Sandbox; from data.web.extract import Extraction\n"
            "import os, time\n"
            "sandbox = Sandbox(Extraction()); sandbox.text_of(b'<p>x')\n"
            "print(sandbox._process.pid, flush=True); time.sleep(60)"
        )
        owner = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=shared.ROOT
        )
        child = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
        owner.stdout.close()
        for _ in range(100):
            try:
                os.kill(child, 0)
            except ProcessLookupError:
                return
            with open(f"/proc/{child}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return  # ended; nobody here has asked for its status
            time.sleep(0.1)
        self.fail("the extracting process outlives its owner")


if __name__ == "__main__":
    absltest.main()
