"""What datatrove makes of texts: the other side of `benchmarks.web_filters`.

Runs in an environment of its own: datatrove 0.10, spacy, tldextract, pyahocorasick, fasteners,
fasttext-numpy2-wheel and xxhash below 4. Reads one JSON object from standard input and writes one
to standard output.
"""

import json
import sys
import time


def decisions(filters: dict, documents: list[dict]) -> dict:
    """name -> one [passes, reason, text afterwards] a document, and the CPU seconds."""
    from datatrove.data import Document
    from datatrove.utils import text as datatrove_text

    found = {}
    for name, one in filters.items():
        rows, seconds = [], 0.0
        for document in documents:
            # Every filter is timed with its own cutting into words.
            datatrove_text.split_into_parts.cache_clear()
            copy = Document(text=document["text"], id="0", metadata={"url": document["url"]})
            started = time.process_time()
            outcome = one(copy)
            seconds += time.process_time() - started
            passes, reason = outcome if isinstance(outcome, tuple) else (outcome, "")
            rows.append([bool(passes), reason, copy.text])
        found[name] = {"rows": rows, "seconds": seconds}
    return found


def near_copies(pairs: list[list[str]], draws: int) -> dict:
    """Pairs with a band in common: "found" [draws][pairs] under the seeds 1, 2, ...

    And the pairs' "similarities" by these shingles, and how many "texts" were hashed in how many
    CPU "seconds" under the first seed: every text once, however many pairs it is in.
    """
    import tempfile

    import numpy as np
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    shingles, seconds, found = {}, 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, draws + 1):
            step = MinhashDedupSignature(folder, MinhashConfig(seed=seed))
            started = time.process_time()
            if not shingles:
                shingles = {text: step.get_shingles(text) for text in texts}
            # A text without shingles has no signature.
            bands = {t: step.get_signature(shingles[t]) if shingles[t].size else [] for t in texts}
            seconds = seconds or time.process_time() - started
            found.append([any(map(list.__eq__, bands[one], bands[two])) for one, two in pairs])
    similarities = []
    for one, two in pairs:
        common = len(np.intersect1d(shingles[one], shingles[two]))
        either = len(np.union1d(shingles[one], shingles[two]))
        similarities.append(common / max(1, either))
    return {
        "found": found,
        "similarities": similarities,
        "texts": len(texts),
        "seconds": seconds,
    }


def main() -> None:
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
        LanguageFilter,
        URLFilter,
    )
    from datatrove.pipeline.formatters import PIIFormatter
    from fasttext.FastText import _FastText

    question = json.load(sys.stdin)
    language = LanguageFilter(languages=["en"])
    # The compressed model that both sides can have without a download.
    language.model._model = _FastText(question["model"])
    lists = question["urls"]
    address = URLFilter(
        extra_domains=lists["domains"],
        extra_urls=lists["urls"],
        banned_words=lists["banned_words"],
        banned_subwords=lists["banned_substrings"],
        soft_banned_words=lists["soft_words"],
        use_integrated_lists=False,
    )
    address.tldextractor = type(address.tldextractor)(suffix_list_urls=())  # no download

    def pii(document: Document) -> bool:
        return PIIFormatter().format(document.text) == document.text

    c4 = C4QualityFilter(filter_no_terminal_punct=False)
    c4.stat_update = lambda *arguments, **named: None
    filters = {
        "language": language.filter,
        "gopher_repetition": GopherRepetitionFilter().filter,
        "gopher_quality": GopherQualityFilter().filter,
        "c4": c4.filter,
        "fineweb": FineWebQualityFilter().filter,
        "pii": pii,
    }
    answer = decisions(filters, question["documents"])
    answer |= decisions(
        {"urls": address.filter}, [{"text": "", "url": u} for u in question["addresses"]]
    )
    answer["minhash"] = near_copies(question["pairs"], question["draws"])
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
