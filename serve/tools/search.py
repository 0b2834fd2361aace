"""The search tool: BM25 over passages of documents, by tantivy (a search engine in Rust).

    folder = corpus_index(workdir, config)             # of the documents that a run was trained on
    folder = files_index(workdir, "notes/*.txt")       # of a user's own
    tool = search_tool(folder)
    tool.run({"query": "capital of Australia"})

An index lies in the run's folder, search/<name>/, where the name stands for what it was made from:
it is made once, and again when the files have changed. It appears there when it is whole. It is
read from the disk as needed, so that it may be larger than memory.

Passages are a sentence or two (data.passages), and the best of them are what the tool gives. Words
of the query that stand in no document are named before them: a model cannot know that of a name,
and would read an answer in what is told about another.
"""

import dataclasses
import fcntl
import json
import string
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import tantivy
import tqdm
import xxhash
from absl import logging
from ml_collections import ConfigDict

from data import sources
from data.errors import InputError
from data.passages import CHARACTERS, RESULT_CHARACTERS, in_no_document, passages
from data.run_folder import cleared_partial, is_done, mark_done, replace_folder
from data.tool_declarations import SEARCH
from data.web import layout
from serve.tools.tool import Tool, cut

FOLDER = "search"
NOTHING_FOUND = "(nothing found)"
MAX_QUERY_CHARACTERS = 1000
MAX_QUERY_WORDS = 32
# Of a result, for the words that no document has.
_UNKNOWN_SHARE = 1 / 3
# That no document has one of these says nothing.
_FUNCTION_WORDS = frozenset(
    "a about all an and any are as at be been by can could did do does for from had has have he "
    "her his how i in into is it its many may me much must my no not of on or our out she should "
    "so some than that the their them there these they this those to up us was we were what when "
    "where which who whom whose why will with would you your".split()
)
# More than are shown, since copies of a passage are shown once.
_CANDIDATES = 30
_WRITER_BYTES = 64 << 20
# Goes into an index's name: to be raised when one is made differently.
_FORMAT = 3
_ANALYZER = "words"


@dataclasses.dataclass(frozen=True)
class Index:
    """An index that is being searched. Safe to share between threads."""

    schema: tantivy.Schema
    searcher: tantivy.Searcher
    analyzer: tantivy.TextAnalyzer
    source: str

    @classmethod
    def open(cls, folder: Path) -> "Index":
        """Opens the index in `folder`.

        Raises:
            InputError: there is none, or it is damaged.
        """
        if not is_done(folder):
            raise InputError(f"there is no search index in {folder}")
        try:
            source = json.loads((folder / "DONE").read_text(encoding="utf-8"))["source"]
            index = tantivy.Index.open(str(folder))
            # Never written again: a reader that waits for changes would take locks in the folder
            # even while it is being deleted.
            index.config_reader("manual")
            analyzer = _analyzer()
            index.register_tokenizer(_ANALYZER, analyzer)
            return cls(index.schema, index.searcher(), analyzer, source)
        except (ValueError, KeyError, OSError) as error:
            raise InputError(
                f"the search index in {folder} is damaged ({error}): delete it, and it is made anew"
            ) from error

    def search(self, query: str, most: int) -> list[str]:
        """At most `most` passages, best first; of equal ones first those that begin with what is
        searched for ("France borders Spain", not "Spain borders France"), then in the order of the
        documents.

        Every word of the query counts for itself; none has a special meaning.
        """
        words = dict.fromkeys(self.analyzer.analyze(_bounded(query)))
        terms = [
            tantivy.Query.term_query(self.schema, "text", word, index_option="freq")
            for word in list(words)[:MAX_QUERY_WORDS]
        ]
        any_of_them = tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])
        hits = self.searcher.search(any_of_them, limit=_CANDIDATES, count=False).hits
        found = []
        for score, place in hits:
            document = self.searcher.doc(place)
            text = document.get_first("text")
            passage = self.analyzer.analyze(text)
            places = sum(passage.index(word) for word in words if word in passage)
            found.append((-score, places, document.get_first("number"), text))
        return list(dict.fromkeys(text for *_, text in sorted(found)))[:most]

    def unknown(self, query: str) -> list[str]:
        """The words of the query that stand in no document, as the query has them; none of those
        that say nothing by themselves, such as "the"."""
        found = []
        for typed in _bounded(query).split()[:MAX_QUERY_WORDS]:
            word = typed.strip(string.punctuation)
            forms = self.analyzer.analyze(word)
            known = any(self.searcher.doc_freq("text", form) for form in forms)
            if forms and not known and word.lower() not in _FUNCTION_WORDS:
                found.append(word)
        return list(dict.fromkeys(found))


def _bounded(query: str) -> str:
    """What is looked at of a query; lone surrogates are no text."""
    return query[:MAX_QUERY_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def search_tool(folder: Path, characters: int = RESULT_CHARACTERS) -> Tool:
    """A tool "search" over the index in `folder`, whose results have at most `characters`.

    Raises:
        InputError: there is no index, or it is damaged.
    """
    index = Index.open(folder)

    def run(arguments: dict[str, Any]) -> str:
        query = arguments["query"]
        return _result(index.search(query, most=_CANDIDATES), index.unknown(query), characters)

    return Tool(
        declaration=SEARCH,
        run=run,
        about=f"search: {index.searcher.num_docs} passages of {index.source}",
    )


def _result(found: list[str], unknown: list[str], characters: int) -> str:
    """The words that no document has, then the best passages, a line each, as many as fit; the
    first is cut if need be."""
    if not found:
        return NOTHING_FOUND
    most = int(characters * _UNKNOWN_SHARE)
    note = f"{cut(in_no_document(unknown), most)}\n" if unknown else ""
    shown = note + cut(found[0], characters - len(note))
    for passage in found[1:]:
        if len(shown) + 1 + len(passage) > characters:
            break
        shown += f"\n{passage}"
    return shown


def corpus_index(workdir: Path, config: ConfigDict) -> Path:
    """The folder of the index of config.search.source, or where that is "" of the documents that a
    run of this config is trained on, those held out included and practice, of which nothing is
    true, left out; made if it is not there.

    Raises:
        InputError: a source cannot be read, or the index cannot be written.
    """
    source = config.search.source or config.data.source
    parts = sources.parse(source, "config.search.source")
    total = sum(part.weight or 1.0 for part in parts)
    if not config.search.source:
        parts = [part for part in parts if part.spec not in sources.PRACTICE]
    reading = sources.reading(config, workdir)
    limit = config.data.max_bytes or float("inf")

    def documents() -> Iterator[tuple[str, str]]:
        for part in parts:
            left = limit * (part.weight or 1.0) / total
            for name, text in _documents(part.spec, reading):
                if left <= 0:
                    break
                yield name, text
                left -= len(text.encode("utf-8"))

    made_from = {
        "source": source,
        "max_bytes": config.data.max_bytes,
        "files": [
            _files(f"{reading.web}/{layout.DOCUMENTS}" if part.spec == "web" else part.spec)
            for part in parts
        ],
        **dataclasses.asdict(reading),
    }
    return make_index(workdir, documents, made_from)


def files_index(workdir: Path, files: str) -> Path:
    """The folder of the index of a user's own documents: a folder, a file or a glob of text, JSON
    Lines or Parquet (data.sources); made if it is not there.

    Raises:
        InputError: the files cannot be read, or the index cannot be written.
    """
    reading = sources.Reading()
    made_from = {"source": files, "files": _files(files), **dataclasses.asdict(reading)}
    return make_index(workdir, lambda: _documents(files, reading), made_from)


def make_index(
    workdir: Path,
    documents: Callable[[], Iterable[tuple[str, str]]],
    made_from: dict[str, Any],
) -> Path:
    """The folder of the index of some documents; made if it is not there.

    Args:
        documents: called if the index has to be made; gives (id, text).
        made_from: plain data that tells these documents from all others; "source" is their name.

    Raises:
        InputError: there are no documents, or the index cannot be written.
    """
    described = json.dumps([made_from, CHARACTERS, _FORMAT], sort_keys=True)
    home = Path(workdir) / FOLDER
    folder = home / xxhash.xxh64_hexdigest(described.encode())
    if is_done(folder):
        return folder
    try:
        home.mkdir(parents=True, exist_ok=True)
        with open(home / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of two programs, one makes it
            if not is_done(folder):
                _make(folder, documents(), made_from)
    except PermissionError as error:
        raise InputError(
            f"the search index cannot be written to {home} ({error.strerror}): make the folder "
            "writable, or leave the tool search out"
        ) from error
    return folder


def _make(folder: Path, documents: Iterable[tuple[str, str]], made_from: dict[str, Any]) -> None:
    partial = cleared_partial(folder)
    partial.mkdir()
    schema = (
        tantivy.SchemaBuilder()
        .add_text_field("text", stored=True, tokenizer_name=_ANALYZER, index_option="freq")
        .add_integer_field("number", stored=True)
        .build()
    )
    index = tantivy.Index(schema, path=str(partial))
    index.register_tokenizer(_ANALYZER, _analyzer())
    # One thread: passages then get the same places every time.
    writer = index.writer(heap_size=_WRITER_BYTES, num_threads=1)
    count = 0
    progress = tqdm.tqdm(
        desc=f"search index of {made_from['source']}",
        unit=" passages",
        disable=not sys.stderr.isatty(),
    )
    try:
        with progress:
            for _, text in documents:
                for passage in passages(text):
                    writer.add_document(tantivy.Document(text=passage, number=count))
                    count += 1
                    progress.update()
        writer.commit()
        writer.wait_merging_threads()
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"the search index cannot be written to {partial} ({error}): is the disk full?"
        ) from error
    if not count:
        raise InputError(f"{made_from['source']} has no text to search in: give other documents")
    mark_done(partial, made_from | {"passages": count})
    replace_folder(partial, folder)


def _analyzer() -> tantivy.TextAnalyzer:
    """Text to words: lower case, English endings removed; runs of over 40 bytes are no words."""
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    for step in (
        tantivy.Filter.remove_long(40),
        tantivy.Filter.lowercase(),
        tantivy.Filter.ascii_fold(),
        tantivy.Filter.stemmer("english"),
    ):
        builder = builder.filter(step)
    return builder.build()


def _documents(spec: str, reading: sources.Reading) -> Iterator[tuple[str, str]]:
    problems: Counter = Counter()
    yield from sources.documents(spec, reading, problems)
    for reason, number in problems.items():
        logging.warning("%s: %d %s", spec, number, reason)


def _files(spec: str) -> list[list]:
    """The files of a source as they are now; none of one that is no local files."""
    if spec in sources.EMBEDDED or spec.startswith("tfds:") or "://" in spec:
        return []
    filesystem, paths = sources.matching_files(spec)
    details = [filesystem.info(path) for path in paths]
    return [[detail["name"], detail["size"], detail.get("mtime")] for detail in details]
