"""Questions about a text that the user gives: what it says, and not what is remembered.

The texts are about entities that nobody has met, so that their answers have to be read. And which
words ask for what is learnt from entities without number: of the few that the world tells often,
the name alone comes to decide what is answered.
"""

from data.world import facts, imagined, telling
from data.world.chat import asking, knowledge
from data.world.chat.phrasings.reading import FRAMES, NOT_TOLD
from data.world.chat.setting import Setting, assistant, user
from data.world.chat.split import Topic
from data.world.draw import Draw
from data.world.facts import Entity, Fact

_FEWEST, _MOST = 2, 5  # facts of a text
_AGAIN = 0.35  # how often a second question follows
_NOT_TOLD = 0.1  # how often the text does not tell what is asked


def _text(draw: Draw) -> tuple[Entity, str, list[Fact], list[Fact]]:
    """An entity, a text about it, the facts that the text tells, and those that it does not."""
    entity = imagined.entity(draw, draw.pick(list(facts.KINDS)))
    known = draw.shuffled(list({fact.relation: fact for fact in entity.facts}.values()))
    number = draw.integer(_FEWEST, _MOST)
    text = " ".join(telling.sentences(draw, known[:number]))
    return entity, text, known[:number], known[number:]


def conversation(draw: Draw, setting: Setting) -> dict:
    """A text with a question about it, and its answer; now and then another question."""
    _, text, told, untold = _text(draw)
    messages = []
    for number, fact in enumerate(draw.some(told, 2 if draw.chance(_AGAIN) else 1)):
        missing = bool(untold) and draw.chance(_NOT_TOLD)
        question, answer = asking.question(draw, setting, draw.pick(untold) if missing else fact)
        if number == 0:
            frame = draw.pick(setting.wordings(FRAMES))
            question = frame.format(text=text, question=question)
        messages += [user(question), assistant(draw.pick(NOT_TOLD) if missing else answer)]
    return {"messages": messages}


def questions(setting: Setting, kind: str) -> list[dict]:
    """Held-out phrasings about new texts that tell the answer."""
    found = []
    for i in range(setting.options["questions"]):
        draw = Draw(f"{setting.seed}/{kind}/{i}")
        entity, text, told, _ = _text(draw)
        fact = draw.pick(told)
        asked = draw.pick(asking.held_out_questions(setting, fact))
        frame = draw.pick(setting.wordings(FRAMES, held_out=True))
        topic = Topic(f"{entity.id}/{fact.relation}", entity, (fact,))
        whole = frame.format(text=text, question=asked)
        found.append(knowledge.question(topic, whole, i, kind, False))
    return found
