"""Pages; and the real web data beside the checkout, for tests that skip where it is absent."""

import gzip
import json
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
DATA = pathlib.Path(os.environ.get("PRIMER_SHARED_DATA", ROOT.parent / "shared" / "data"))


PROSE = [
    "The river rose in the night and nobody had told the people of the lower town to leave.",
    "By morning water stood in the church, and boats went from door to door with fresh bread.",
    "An old man would not come down from his roof until they had found his dog in the reeds.",
]
GERMAN = [
    "Der Fluss stieg in der Nacht, und niemand hatte den Leuten der Unterstadt Bescheid gesagt.",
    "Am Morgen stand das Wasser in der Kirche, und Boote fuhren mit Brot von Tür zu Tür.",
]


def page(paragraphs: list[str], extra: str = "") -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        "<!DOCTYPE html><html><head><title>Flood</title><script>var a = 1;</script></head><body>"
        "<nav><ul><li><a href='/'>Home</a></li><li><a href='/more'>More news</a></li></ul></nav>"
        f"<div class='cookie-banner'>We use cookies.</div><article>{body}{extra}</article>"
        "<div id='comments' class='comments'><p>First! Great story, thank you for it.</p></div>"
        "<footer>All rights reserved, Town Gazette</footer></body></html>"
    )


def texts(most: int = 100) -> list[str]:
    """Documents of C4 and Common Crawl."""
    found = []
    for path in sorted((DATA / "cc_text").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found += [json.loads(line)["text"] for line in file]
    return found[:most]
