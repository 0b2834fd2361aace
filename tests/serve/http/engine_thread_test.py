"""What comes back from the engine's thread, in whatever order it comes."""

import asyncio
import unittest

from absl.testing import absltest

from serve.http import engine_thread
from serve.http.engine_thread import EngineThread, Scoring
from serve.http.limits import Limits
from serve.http.metrics import new_metrics
from serve.turns import Event


class TextsTest(unittest.IsolatedAsyncioTestCase):
    async def test_results_that_come_before_anybody_reads(self):
        thread = EngineThread(lambda: None, Limits(), new_metrics())
        texts = engine_thread.Texts(thread, [Scoring([1]), Scoring([2])])
        first, second = texts.jobs
        thread._held = 2
        thread._deliver([(first, engine_thread._Done("one"))])
        thread._deliver([(second, Event("text", "t")), (second, engine_thread._Done("two"))])
        found = [number async for number, _ in texts]
        self.assertEqual((found, texts.results, thread.held), ([1], ["one", "two"], 0))
        async with asyncio.timeout(5):
            self.assertEqual(await texts.finished(), ["one", "two"])


if __name__ == "__main__":
    absltest.main()
