"""A headless Chromium, driven by the Chrome DevTools Protocol over a pair of pipes: what a person
does with keys and mouse, and what they see."""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio",
    "--hide-scrollbars",
    # No name leads anywhere: not even the browser's own requests leave this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
_KEYS = {
    "Enter": ("\r", 13), "Tab": ("", 9), "Escape": ("", 27), "ArrowLeft": ("", 37),
    "ArrowUp": ("", 38), "ArrowRight": ("", 39), "ArrowDown": ("", 40), "Home": ("", 36),
    "End": ("", 35), " ": (" ", 32),
}  # fmt: skip
_SECONDS = 30
# The browser reads descriptor 3 and writes 4, whatever numbers the pipes have here.
_START = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD_CLOEXEC, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find() -> str | None:
    """The program, where there is one."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextlib.contextmanager
def opened(program: str) -> Iterator["Browser"]:
    """A browser with one empty page, in a profile of its own, until the end of the `with`."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        to_browser, from_us = os.pipe()
        from_browser, to_us = os.pipe()
        flags = [*_FLAGS, f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # of the browser: it has none for this user
        process = subprocess.Popen(
            [sys.executable, "-c", _START, str(to_browser), str(to_us), program, *flags],
            pass_fds=(to_browser, to_us),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(to_us)
        browser = Browser(os.fdopen(from_us, "wb", 0), os.fdopen(from_browser, "rb", 0))
        try:
            browser.begin()
            yield browser
        finally:
            browser.quit()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Browser:
    """One page.

    Attributes:
        requests: addresses that the page has asked for.
        complaints: exceptions, and what the browser has refused the page.
    """

    def __init__(self, to: Any, back: Any) -> None:
        self._to, self._back = to, back
        self._answers: dict[int, dict] = {}
        self._told = threading.Condition()
        self._number, self._session, self._over = 0, None, False
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def begin(self) -> None:
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def quit(self) -> None:
        self._session = None
        with contextlib.suppress(OSError, AssertionError):
            self.send("Browser.close")
        self._reader.join(10)
        self._to.close()
        self._back.close()

    def send(self, method: str, **params: Any) -> dict:
        """One command of the protocol, and what it returns."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params}
        if self._session:
            asked["sessionId"] = self._session
        self._to.write(json.dumps(asked).encode() + b"\0")
        with self._told:
            there = self._told.wait_for(
                lambda: self._number in self._answers or self._over, _SECONDS
            )
            if not there or self._over:
                raise AssertionError(f"the browser does not answer {method}")
            answer = self._answers.pop(self._number)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _read(self) -> None:
        held = b""
        with contextlib.suppress(OSError, ValueError):
            while part := self._back.read(1 << 16):
                *messages, held = (held + part).split(b"\0")
                for message in messages:
                    self._take(json.loads(message))
        with self._told:
            self._over = True
            self._told.notify_all()

    def _take(self, message: dict) -> None:
        with self._told:
            if "id" in message:
                self._answers[message["id"]] = message
                self._told.notify_all()
                return
        params = message.get("params", {})
        if message["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif message["method"] == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", details).get("description", "?"))
        elif message["method"] == "Log.entryAdded" and params["entry"]["level"] != "verbose":
            self.complaints.append(params["entry"]["text"])

    # --- what a person does -------------------------------------------------------------------

    def open(self, url: str) -> None:
        """Goes to a page, past what the last one has open."""
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def click(self, selector: str, text: str = "") -> None:
        """The middle of the first such element with this in its text, which must be visible."""
        place = self.js(
            f"""(() => {{
              const found = [...document.querySelectorAll({json.dumps(selector)})].find(
                (one) => one.textContent.includes({json.dumps(text)}));
              if (!found) return null;
              found.scrollIntoView({{ block: "center", inline: "center", behavior: "instant" }});
              const box = found.getBoundingClientRect();
              const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
              const hit = document.elementFromPoint(x, y);
              return found.contains(hit) ? [x, y] : null;
            }})()"""
        )
        if place is None:
            raise AssertionError(f"{selector} {text!r} cannot be clicked")
        for kind in ("mousePressed", "mouseReleased"):
            self.send(
                "Input.dispatchMouseEvent",
                type=kind, x=place[0], y=place[1], button="left", clickCount=1,
            )  # fmt: skip

    def press(self, key: str, shift: bool = False) -> None:
        text, code = _KEYS[key]
        shared = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **shared)
        self.send("Input.dispatchKeyEvent", type="keyUp", **shared)

    def write(self, selector: str, text: str) -> None:
        """Puts text in place of what a field holds."""
        self.click(selector)
        self.js(f"document.querySelector({json.dumps(selector)}).select()")
        if text:
            self.send("Input.insertText", text=text)
        else:
            self.send("Input.dispatchKeyEvent", type="keyDown", key="Delete",
                      windowsVirtualKeyCode=46)  # fmt: skip

    # --- what a person sees -------------------------------------------------------------------

    def js(self, expression: str) -> Any:
        """The value of an expression, awaited."""
        found = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            raise AssertionError(found["exceptionDetails"]["exception"]["description"])
        return found["result"].get("value")

    def text(self, selector: str) -> str:
        """That of all such elements, "" where there is none."""
        return self.js(
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            '.map((one) => one.textContent).join("|")'
        )

    def until(self, condition: str, seconds: float = _SECONDS) -> None:
        """Waits for a condition in JavaScript."""
        end = time.monotonic() + seconds
        while not self.js(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise AssertionError(
                    f"{condition} does not come true; the page: {self.text('body')}"
                )
            time.sleep(0.05)

    def look(self, width: int, height: int, scheme: str = "light", phone: bool = False) -> None:
        """The window's size in CSS pixels and the colours that its user likes."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, path: str | os.PathLike) -> None:
        """Of what is in the window."""
        found = self.send("Page.captureScreenshot", format="png")
        pathlib.Path(path).write_bytes(base64.b64decode(found["data"]))
