"""Who the assistant is: a few facts from the config, asked for in many ways.

A system message may give another name, which then counts; what else the config says stays true.
"""

from data.world import english
from data.world.chat import asking, tools, words
from data.world.chat.phrasings.identity import ASKED, FRAMES, SYSTEM
from data.world.chat.setting import Setting, assistant, system, user
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS

_NAMED = 0.45  # how often a system message gives a name
# How often a name is one of people's, a word to spell, any word, made up (running totals), when
# measuring and in training. People have few names here: those that training gives often are learnt
# as answers, which is not copying.
_MEASURED, _TAUGHT = (0.15, 0.3, 0.65, 1.0), (0.03, 0.2, 0.6, 1.0)
_NAME_TOPICS = ("name", "who", "called")  # what a name answers


def _name(draw: Draw, setting: Setting, held_out: bool) -> str:
    """A name for a system message to give: of people, any word, or made up."""
    while True:
        name = (
            lambda: draw.pick(GIRLS + BOYS),
            lambda: draw.pick(words.known()).capitalize(),
            lambda: draw.pick(words.written()).capitalize(),
            lambda: words.name(draw),
        )[draw.index(_MEASURED if held_out else _TAUGHT)]()
        own = name == setting.options["identity"]["name"]
        if not own and setting.held_out(f"name/{name}") == held_out:
            return name


def _fields(setting: Setting, name: str | None) -> dict[str, str]:
    fields = dict(setting.options["identity"])
    fields["other"] = fields["name"]
    return fields | ({"name": name} if name else {})


def _naming(draw: Draw, setting: Setting, name: str | None, held_out: bool = False) -> list[dict]:
    """The system message that gives the name, if there is one to give."""
    if name is None:
        return []
    return [system(draw.pick(setting.wordings(SYSTEM, held_out)).format(name=name))]


def _turn(draw: Draw, setting: Setting, fields: dict[str, str], topic: str) -> list[dict]:
    asked = draw.pick(setting.wordings(ASKED[topic]["asked"])).format_map(fields)
    text = draw.pick(FRAMES).format(x=asked, X=english.capitalized(asked))
    answer = draw.pick(ASKED[topic]["answers"]).format_map(fields)
    return [user(english.capitalized(text)), assistant(answer)]


def conversation(draw: Draw, setting: Setting) -> dict:
    """One or two questions to the assistant about itself."""
    name = _name(draw, setting, held_out=False) if draw.chance(_NAMED) else None
    messages = _naming(draw, setting, name)
    # A name that was given is asked for more often: it must be copied, not remembered.
    names = draw.chance(0.6 if name else 0.3)
    topics = draw.some(_NAME_TOPICS if names else tuple(ASKED), 2 if draw.chance(0.3) else 1)
    for topic in topics:
        messages += _turn(draw, setting, _fields(setting, name), topic)
    return {"messages": messages} | tools.unused(draw)


def questions(setting: Setting, kind: str, named: bool) -> list[dict]:
    """Held-out phrasings; ``named``: a system message gives a held-out name, which is asked for."""
    found = []
    for i in range(setting.options["questions"]):
        draw = Draw(f"{setting.seed}/{kind}/{i}")
        name = _name(draw, setting, held_out=True) if named else None
        fields = _fields(setting, name)
        topic = draw.pick(_topics(name))
        asked = draw.pick(setting.wordings(ASKED[topic]["asked"], held_out=True))
        text = english.capitalized(asked.format_map(fields))
        found.append(
            {
                "id": f"{kind}/{i}",
                "kind": kind,
                "messages": [*_naming(draw, setting, name, held_out=True), user(text)],
                "answer": ASKED[topic]["answers"][0].format_map(fields),
            }
            | _graded(topic, fields)
        )
    return found


def practice_questions(setting: Setting, count: int, kind: str) -> list[dict]:
    """`count` questions in the words of training, some after a system message that gives a name.

    As for measuring, each with its "reply" and, without such a message, the same question in other
    words ("again", each with its answer). They are all about one "entity", and none is ever to be
    declined ("answerable").
    """
    found = []
    for i in range(count):
        draw = Draw(f"{setting.seed}/{kind}/itself/{i}")
        name = _name(draw, setting, held_out=False) if draw.chance(_NAMED) else None
        fields = _fields(setting, name)
        topic = draw.pick(_topics(name))
        asked, reply = _turn(draw, setting, fields, topic)
        again = [_turn(draw, setting, fields, topic) for _ in range(0 if name else asking.AGAIN)]
        found.append(
            {
                "id": f"{kind}/itself/{i}",
                "kind": kind,
                "entity": "itself",
                "answerable": True,
                "messages": [*_naming(draw, setting, name), asked],
                "query": asked["content"],
                "reply": reply["content"],
                "again": [(other["content"], answer["content"]) for other, answer in again],
            }
            | _graded(topic, fields)
        )
    return found


def _topics(name: str | None) -> tuple[str, ...]:
    """What can be asked about; where a name is given, about the name."""
    return _NAME_TOPICS if name else tuple(ASKED)


def _graded(topic: str, fields: dict[str, str]) -> dict:
    """How an answer is judged; where another name is given, the assistant's own spoils it."""
    name, own = fields["name"], fields["other"]
    return {
        "grader": "value",
        "accept": [text.format_map(fields) for text in ASKED[topic]["accept"]],
        "reject": [own] if name != own else [],
    }
