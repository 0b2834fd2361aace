"""The page in a real browser: what a person does with it, and what they then see."""

import collections
import json
import os
import pathlib
import tempfile
import unittest
from urllib.parse import urlsplit

import numpy as np
from absl.testing import absltest

from data import preferences
from data.conversations import END
from evals.matches import read_matches
from serve.scores import Scores
from serve.slots import Top
from serve.tools.tool import Tool
from tests.serve.http.live import HEADS, LAYERS, MODEL, Slow, live
from tests.serve.scripted import call
from tests.serve.web import browser

PROGRAM = browser.find()
OTHER = "the-other"
EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><b>bold</b>'
RUN = Tool(
    {"type": "function", "function": {"name": "python", "description": "Runs Python.",
     "parameters": {"type": "object", "properties": {"code": {"type": "string"}}}}},
    lambda arguments: f"3{EVIL}",
    "python",
)  # fmt: skip
SAID = {
    "hello": f"Good day.{END}",
    "count": f"<think>\nLetters: a tool.\n</think>\n\nLet me see."
    f"{call('python', {'code': 'count() # <i>' + EVIL})}{END}",
    "long": "the cat " * 2000 + END,
    "evil": f"<think>\n{EVIL}\n</think>\n\n{EVIL}{END}",
}
# Where to look at the page after a test: PRIMER_SCREENSHOTS=DIR.
SCREENSHOTS = os.environ.get("PRIMER_SCREENSHOTS")
LOOKS = {
    "light": (1100, 760, "light", False),
    "dark": (1100, 760, "dark", False),
    "phone": (390, 780, "light", True),
}


class Engine(Slow):
    """By a script: answers to "draw" differ by the seed, and what follows a text is hostile. What
    is likely is made up."""

    def submit(self, request):
        self._seed = request.seed
        completion = super().submit(request)
        if request.top:
            completion.top = [self._top(len(request.prompt))] * request.max_tokens
        return completion

    def _reply(self, prompt):
        text = self.tokenizer.decode(prompt)
        # What is to be stopped must not have ended before, however slow the machine.
        self._seconds = 0.05 if "long" in text[-60:] else 0.002
        if text.endswith(f"draw{END}\n<|im_start|>assistant\n"):
            return ("A cat.", "A mat.", EVIL, "A dog.")[self._seed % 4] + END
        if "<|im_start|>" not in text:
            return (" and so on" * 2000 if text == "long" else EVIL) + "<|endoftext|>"
        return super()._reply(prompt)

    def _top(self, place):
        """Twenty tokens of which the likeliest depends on the place."""
        return [((place + n) % 300, -0.7 * (n + 1)) for n in range(20)]

    def score(self, tokens, top=False):
        found = np.array([self._top(place) for place in range(1, len(tokens))]).reshape(-1, 20, 2)
        log_probs = np.full(len(tokens) - 1, -1.5, np.float32)
        return Scores(log_probs, Top(found[..., 0].astype(np.int32), found[..., 1]))


def setUpModule():
    global SERVER, PAGE, LABELS
    if PROGRAM is None:
        raise unittest.SkipTest("no Chromium is found")
    LABELS = pathlib.Path(unittest.enterModuleContext(tempfile.TemporaryDirectory())) / "labels"
    SERVER = unittest.enterModuleContext(
        live(lambda: Engine(SAID), (RUN,), labels=LABELS, others={OTHER: lambda: Engine({})})
    )
    PAGE = unittest.enterModuleContext(browser.opened(PROGRAM))


class PageTest(absltest.TestCase):
    """Every test begins with the page as it opens."""

    def setUp(self):
        PAGE.requests.clear()
        PAGE.complaints.clear()
        PAGE.look(*LOOKS["light"])
        PAGE.open(f"{SERVER.url}/")
        PAGE.until("document.querySelector('#tab-chat[aria-selected=true]')")

    def tearDown(self):
        self.assertIsNone(PAGE.js("window.hacked ?? null"))
        self.assertEmpty(PAGE.js("[...document.querySelectorAll('main img, main script, main b')]"))
        self.assertEqual(PAGE.complaints, [])
        self.assertNotEmpty(PAGE.requests)
        hosts = {urlsplit(url).netloc for url in PAGE.requests if url != "about:blank"}
        self.assertEqual(hosts, {urlsplit(SERVER.url).netloc})

    def view(self, name: str, model: str = MODEL) -> str:
        """Opens a view; the selector of its panel."""
        if model != MODEL:
            PAGE.js(
                f"""{{ const models = document.querySelector("#settings select");
                  models.value = {json.dumps(model)};
                  models.dispatchEvent(new Event("change")); }}"""
            )
        PAGE.click(f"#tab-{name}")
        return f"#panel-{name}"

    def look(self, name: str) -> None:
        """Nothing is wider than the window; pictures of the view where they are asked for."""
        for look, settings in LOOKS.items():
            PAGE.look(*settings)
            width = PAGE.js("document.documentElement.scrollWidth")
            self.assertLessEqual(width, settings[0], f"{name}, {look}")
            if SCREENSHOTS:
                PAGE.screenshot(pathlib.Path(SCREENSHOTS) / f"{name}_{look}.png")
        PAGE.look(*LOOKS["light"])

    def idle(self, panel: str) -> None:
        """Waits until nothing is being written."""
        PAGE.until(f"document.querySelector('{panel} button.primary:not(:disabled)')")

    def say(self, text: str) -> None:
        PAGE.write("#panel-chat .composer textarea", text)
        PAGE.press("Enter")

    def answered(self, text: str) -> None:
        self.say(text)
        self.idle("#panel-chat")

    # --- chat ---------------------------------------------------------------------------------

    def test_a_chat_to_a_call_of_a_tool(self):
        self.answered("hello")
        self.assertEqual(PAGE.text(".message"), "hello|Good day.")
        self.answered("count")
        last = ".message:last-child"
        self.assertEqual(PAGE.text(f"{last} summary"), "Thinking|Called python")
        self.assertEqual(PAGE.text(f"{last} .fold .text"), "Letters: a tool.")
        self.assertEqual(PAGE.text(f"{last} pre"), f"count() # <i>{EVIL}|3{EVIL}")
        self.assertEqual(PAGE.text(f"{last} .body > .text"), "Let me see.|It is done.")
        folded = f"[...document.querySelectorAll('{last} details')].map((one) => one.open)"
        self.assertEqual(PAGE.js(folded), [False, False])
        PAGE.click(f"{last} .call summary")
        self.assertEqual(PAGE.js(folded), [False, True])
        self.look("chat")

    def test_what_was_said_is_told_again(self):
        """The model sees the whole conversation, calls and results among it."""
        engine = SERVER.site.thread.served.engine
        PAGE.click("#panel-chat .options summary")
        PAGE.write("#panel-chat .options textarea", "Be brief.")
        self.answered("count")
        self.answered("hello")
        seen = engine.tokenizer.decode(engine.prompts[-1])
        # As one message, with what was thought before it.
        self.assertIn("<think>\nLetters: a tool.\n</think>\n\nLet me see.", seen)
        for text in ("Be brief.", "Let me see.", "<tool_call>", f"3{EVIL}", "It is done.", "hello"):
            self.assertIn(text, seen)

    def test_stop_and_regenerate(self):
        self.say("long")
        PAGE.until("document.querySelector('.assistant .text')?.textContent.length > 20")
        PAGE.click(".composer button", "Stop")
        self.idle("#panel-chat")
        self.assertEqual(PAGE.text(".reason"), "stopped")
        self.assertLess(len(PAGE.text(".assistant .text")), 16_000)
        SERVER.until(lambda: not SERVER.site.thread.served.engine.busy)
        PAGE.click(".composer button", "Regenerate")
        PAGE.until("document.querySelector('.writing .text')")
        self.assertEqual(PAGE.js("document.querySelectorAll('.message').length"), 2)
        PAGE.click(".composer button", "Stop")
        self.idle("#panel-chat")
        PAGE.click(".composer button", "New chat")
        self.assertEqual(PAGE.text(".message"), "")

    def test_a_hostile_answer_is_text(self):
        self.answered("evil")
        self.assertEqual(PAGE.text(".assistant .text"), f"{EVIL}|{EVIL}")

    def test_a_wrong_setting_is_named(self):
        PAGE.click("#panel-chat .options summary")
        PAGE.write("#panel-chat input[name=temperature]", "9")
        self.answered("hello")
        self.assertIn("temperature", PAGE.text("#panel-chat .status"))
        self.assertEqual(PAGE.text(".assistant"), "")

    # --- text ---------------------------------------------------------------------------------

    def test_completing_a_text(self):
        panel = self.view("complete", OTHER)
        text = f"document.querySelector('{panel} textarea').value"
        PAGE.write(f"{panel} textarea", "the cat")
        PAGE.click(f"{panel} button", "Complete")
        self.idle(panel)
        self.assertEqual(PAGE.js(text), f"the cat{EVIL}")
        self.assertEqual(PAGE.text(f"{panel} .status"), "The text has ended.")
        self.look("complete")
        PAGE.click(f"{panel} button", "Take back")
        self.assertEqual(PAGE.js(text), "the cat")

    def test_completing_is_stopped(self):
        panel = self.view("complete")
        PAGE.write(f"{panel} textarea", "long")
        PAGE.write(f"{panel} input[name=max_tokens]", "")
        PAGE.write(f"{panel} input[name=max_tokens]", "4000")
        PAGE.click(f"{panel} button", "Complete")
        PAGE.until(f"document.querySelector('{panel} textarea').value.length > 10")
        PAGE.click(f"{panel} button", "Stop")
        self.idle(panel)
        self.assertEqual(PAGE.text(f"{panel} .status"), "stopped")
        length = PAGE.js(f"document.querySelector('{panel} textarea').value.length")
        self.assertBetween(length, 11, 20_000)
        SERVER.until(lambda: not SERVER.site.thread.served.engine.busy)

    def test_the_tokens_of_a_text(self):
        panel = self.view("tokens")
        PAGE.write(f"{panel} textarea", f"the 日 {EVIL}")
        tokenizer = SERVER.site.thread.served.tokenizer
        ids = tokenizer.encode(f"the 日 {EVIL}").tolist()
        PAGE.until(f"document.querySelectorAll('{panel} .token').length === {len(ids)}")
        self.assertEqual(PAGE.text(f"{panel} .token .id"), "|".join(map(str, ids)))
        PAGE.click(f"{panel} .token:nth-child(1)")
        for key, place in (("ArrowRight", 1), ("End", len(ids) - 1), ("ArrowLeft", len(ids) - 2)):
            PAGE.press(key)
            data = tokenizer.token_bytes(ids[place])
            self.assertEqual(
                PAGE.text(f"{panel} dd").split("|")[1:],
                [str(ids[place]), data.hex(" "), f"{place + 1} of {len(ids)}"],
            )
        self.look("tokens")

    def test_branching_at_a_token(self):
        panel = self.view("next", OTHER)
        PAGE.until("document.querySelectorAll('.candidate').length >= 20")
        PAGE.write(f"{panel} textarea", "the cat")
        PAGE.click(f"{panel} button.primary")
        count = 1 + len(SERVER.site.thread.served.tokenizer.encode("the cat"))
        PAGE.until(f"document.querySelectorAll('{panel} .token').length === {count}")
        before = PAGE.text(f"{panel} .token .id").split("|")
        third = PAGE.text(f"{panel} li:nth-child(3) .id")
        PAGE.click(f"{panel} li:nth-child(3) button")
        PAGE.until(f"document.querySelectorAll('{panel} .token').length === {len(before) + 1}")
        self.assertEqual(PAGE.text(f"{panel} .token .id").split("|"), [*before, third])
        self.look("next")
        # The one before the last: what was chosen after it is marked.
        PAGE.click(f"{panel} .token:nth-child({len(before)})")
        self.assertEqual(PAGE.text(f"{panel} [aria-current=true] .id"), third)
        # From the middle: what followed is left out.
        PAGE.click(f"{panel} .token:nth-child(1)")
        second = PAGE.text(f"{panel} li:nth-child(2) .id")
        PAGE.click(f"{panel} li:nth-child(2) button")
        PAGE.until(f"document.querySelectorAll('{panel} .token').length === 2")
        self.assertEqual(PAGE.text(f"{panel} .token .id"), f"{before[0]}|{second}")
        PAGE.click(f"{panel} button", "Back")
        PAGE.until(f"document.querySelectorAll('{panel} .token').length === {len(before) + 1}")

    def test_the_inside(self):
        panel = self.view("inside", OTHER)
        PAGE.write(f"{panel} textarea", "the cat saw")
        PAGE.click(f"{panel} button.primary")
        PAGE.until("document.querySelectorAll('.head').length === " + str(HEADS))
        count = PAGE.js(f"document.querySelectorAll('{panel} .token').length")
        self.assertEqual(
            PAGE.js("[...document.querySelectorAll('.lens tr')].map((row) => row.cells.length)"),
            [count + 1] * (LAYERS + 2),
        )
        painted = "document.querySelector('.heatmap.large').toDataURL()"
        first = PAGE.js(painted)
        PAGE.click(".head:nth-child(3)")
        self.assertIn("head 3 of layer 1", PAGE.text(f"{panel} h3"))
        self.assertNotEqual(PAGE.js(painted), first)
        PAGE.click(f"{panel} .token:nth-child(1)")
        self.assertRegex(PAGE.text(f"{panel} .reads"), r"^.* at place 1: 100%$")
        PAGE.js(f"document.querySelector('{panel} select').focus()")
        PAGE.press("ArrowDown")
        PAGE.until(f"document.querySelector('{panel} h3').textContent.includes('layer 2')")
        self.look("inside")
        PAGE.write(f"{panel} textarea", "cat " * 70)
        PAGE.click(f"{panel} button.primary")
        PAGE.until(f"document.querySelector('{panel} .status').textContent.includes('64')")
        (complaint,) = PAGE.complaints
        self.assertIn("status of 400", complaint)
        PAGE.complaints.clear()

    # --- judging ------------------------------------------------------------------------------

    def test_a_vote(self):
        panel = self.view("compare")
        PAGE.write(f"{panel} textarea", "evil")
        PAGE.click(f"{panel} button.primary")
        PAGE.until("document.querySelector('.votes button:not(:disabled)')")
        self.assertEqual(PAGE.text(f"{panel} h2"), "Left|Right")
        self.look("compare")
        PAGE.click(".votes button", "The right")
        PAGE.until(f"document.querySelector('{panel} .status').textContent.startsWith('Saved')")
        names = PAGE.text(f"{panel} h2").split("|")
        self.assertEqual({*names}, {MODEL, OTHER})
        match = read_matches(LABELS / "votes.jsonl", "person")[-1]
        self.assertEqual((list(match.players), match.ranking), (names, [[1], [0]]))
        line = json.loads((LABELS / "votes.jsonl").read_text().splitlines()[-1])
        self.assertEqual(line["answers"][names.index(MODEL)], EVIL)
        self.assertEqual(
            PAGE.js("document.querySelectorAll('.votes button:not(:disabled)').length"), 0
        )

    def test_a_ranking_and_an_ideal_answer(self):
        panel = self.view("label")
        PAGE.write(f"{panel} textarea", "draw")
        PAGE.click(f"{panel} button", "Sample")
        PAGE.until("document.querySelectorAll('.ranking li').length > 1")
        texts = PAGE.text(".ranking .text").split("|")
        self.assertEqual({*texts}, {"A cat.", "A mat.", EVIL, "A dog."})
        # The third becomes as good as the first.
        PAGE.js("document.querySelectorAll('.ranking select')[2].focus()")
        PAGE.press("Home")
        self.look("label")
        PAGE.click(f"{panel} button", "Save the ranking")
        PAGE.until(f"document.querySelector('{panel} .status').textContent.startsWith('Saved')")
        found = list(preferences.rankings(str(LABELS / "labels.jsonl"), collections.Counter()))[-1]
        self.assertEqual((found["answers"], found["ranking"]), (texts, [[0, 2], [1], [3]]))
        PAGE.write(f"{panel} textarea", "Who are you?")
        ideal = f"{panel} textarea[name=ideal]"
        PAGE.write(ideal, "I am Primer.")
        PAGE.click(f"{panel} button", "Save the answer")
        PAGE.until(f"document.querySelector('{ideal}').value === ''")
        line = json.loads((LABELS / "labels.jsonl").read_text().splitlines()[-1])
        self.assertEqual([one["content"] for one in line["messages"]],
                         ["Who are you?", "I am Primer."])  # fmt: skip

    # --- keyboard -----------------------------------------------------------------------------

    def test_all_can_be_reached_by_keyboard(self):
        focused = "document.activeElement.textContent || document.activeElement.tagName"
        PAGE.js("document.getElementById('tab-chat').focus()")
        PAGE.press("ArrowRight")
        self.assertEqual(PAGE.js(focused), "Complete")
        PAGE.until("!document.getElementById('panel-complete').hidden")
        PAGE.press("End")
        self.assertEqual(PAGE.js(focused), "Label")
        PAGE.press("ArrowRight")
        self.assertEqual(PAGE.js(focused), "Chat")
        seen = []
        for _ in range(5):
            PAGE.press("Tab")
            seen.append(PAGE.js(focused))
        self.assertEqual(
            seen, [MODEL, "System message, sampling, tools", "Say something to the model.",
                   "TEXTAREA", "Send"]
        )  # fmt: skip
        PAGE.press("Tab", shift=True)
        self.assertEqual(PAGE.js(focused), "TEXTAREA")


class KeyTest(absltest.TestCase):
    def test_a_server_with_a_key(self):
        with live(lambda: Slow(SAID), key="secret") as server:
            PAGE.open(f"{server.url}/")
            PAGE.until("document.getElementById('notice').textContent.includes('wants a key')")
            PAGE.write("#settings input[type=password]", "secret")
            PAGE.press("Enter")
            PAGE.until("document.getElementById('tab-chat')")
            PAGE.write("#panel-chat .composer textarea", "hello")
            PAGE.press("Enter")
            PAGE.until("document.querySelector('.assistant .text')?.textContent === 'Good day.'")
            self.assertEqual(PAGE.js("[localStorage.length, document.cookie]"), [0, ""])
            PAGE.click("#tab-label")
            self.assertIn("without a folder for labels", PAGE.text("#panel-label"))


if __name__ == "__main__":
    absltest.main()
