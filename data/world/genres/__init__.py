"""The kinds of text: each module has ``write(draw, subjects) -> (title, text)``.

A text tells every fact of its subjects and nothing else that is in the tables.
"""

from collections.abc import Sequence

from data.world.draw import Draw
from data.world.genres import (
    arithmetic,
    comparison,
    diary,
    dictionary,
    encyclopedia,
    forum,
    joke,
    lesson,
    news,
    notes,
    riddle,
    story,
    worksheet,
)
from data.world.telling import Subject

_WRITERS = {
    "arithmetic": arithmetic.write,
    "comparison": comparison.write,
    "diary": diary.write,
    "dictionary": dictionary.write,
    "encyclopedia": encyclopedia.write,
    "forum": forum.write,
    "joke": joke.write,
    "lesson": lesson.write,
    "news": news.write,
    "notes": notes.write,
    "riddle": riddle.write,
    "story": story.write,
    "worksheet": worksheet.write,
}


def write(genre: str, draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    """Title and text of a document of the genre about the subjects."""
    return _WRITERS[genre](draw, subjects)
