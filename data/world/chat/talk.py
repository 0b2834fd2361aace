"""Everyday talk: greetings and thanks, small wishes, jokes, stories, lists, simple instructions."""

from data.world import english, telling
from data.world.chat import asking, tools
from data.world.chat.phrasings import talk as phrasings
from data.world.chat.setting import Setting, assistant, user
from data.world.chat.split import Topic
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS
from data.world.jokes import grammar

_GREETED = 0.25  # how often a talk begins with a greeting
_THANKED = 0.25  # how often it ends with thanks or a goodbye
_LONGEST_SENTENCE = 70  # characters of a fact that a story tells


def _pair(draw: Draw, texts: tuple, answers: tuple, **fields: str) -> list[dict]:
    said = english.capitalized(telling.fill(draw, texts, **fields))
    if draw.chance(0.1):
        said = said.lower()
    return [user(said), assistant(telling.fill(draw, answers, **fields))]


def _small_talk(draw: Draw, setting: Setting) -> list[dict]:
    day = draw.integer(0, 6)
    fields = {
        "name": draw.pick(GIRLS + BOYS),
        "day": phrasings.DAYS[day],
        "next_day": phrasings.DAYS[(day + 1) % 7],
    }
    texts, answers = draw.pick(phrasings.SMALL_TALK)
    return _pair(draw, texts, answers, **fields)


def _joke(draw: Draw, setting: Setting) -> list[dict]:
    return _pair(draw, phrasings.JOKE_QUESTIONS, (grammar.joke(draw),))


def _topic(draw: Draw, setting: Setting) -> Topic:
    """A topic that training asks about, whose first fact is short enough for a story."""
    while True:
        topic = draw.pick(setting.asked)
        if len(asking.sentence(draw, topic.facts[0], 0.0)) <= _LONGEST_SENTENCE:
            return topic


def _story(draw: Draw, setting: Setting) -> list[dict]:
    fact = asking.sentence(draw, _topic(draw, setting).facts[0], 0.0)
    name, other = draw.some(GIRLS + BOYS, 2)
    story = draw.pick(phrasings.STORIES).format(
        n=name, m=other, elder=draw.pick(phrasings.ELDERS), fact=fact
    )
    return _pair(draw, phrasings.STORY_QUESTIONS, (story,))


def _about(draw: Draw, setting: Setting) -> list[dict]:
    """Something about an entity: one or two of the facts that training asks about."""
    entity = _topic(draw, setting).entity
    told = [topic.facts[0] for topic in draw.some(setting.by_entity[entity.id], 2)]
    text = " ".join(asking.sentence(draw, fact, 0.0) for fact in told)
    name = entity.forms.get("s", entity.name)
    return _pair(draw, phrasings.FACT_QUESTIONS, (text,), e=name)


def _list(draw: Draw, setting: Setting) -> list[dict]:
    """Two or three entities of which the same is true; small talk if too few are told of."""
    what, *sought = draw.pick(phrasings.LISTS)
    names = []
    for topic in setting.asked:
        fact = topic.facts[0]
        if [fact.kind, fact.relation, fact.value] == sought:
            names.append(topic.entity.name)
    count = draw.integer(2, 3)
    if len(names) < count:
        return _small_talk(draw, setting)
    listed = english.sentence(english.listed(draw.some(names, count)))
    fields = {"count": english.number_word(count), "what": what}
    return _pair(draw, phrasings.LIST_QUESTIONS, (listed,), **fields)


def _instruction(draw: Draw, setting: Setting) -> list[dict]:
    """A small task with words."""
    x, y, z = draw.some(phrasings.WORDS, 3)
    task = draw.integer(0, 5)
    if task == 0:
        text = english.sentence(", ".join(sorted((x, y, z))))
        return _pair(draw, phrasings.SORT, (text,), x=x, y=y, z=z)
    if task == 1:
        while len(x) == len(y):
            x, y = draw.some(phrasings.WORDS, 2)
        return _pair(draw, phrasings.LONGER, (f'"{max(x, y, key=len)}" is longer.',), x=x, y=y)
    if task == 2:
        return _pair(draw, phrasings.FIRST, (f"{english.capitalized(min(x, y))}.",), x=x, y=y)
    if task == 3:
        number = draw.integer(3, 10)
        counted = ", ".join(str(i) for i in range(1, number + 1))
        return _pair(draw, phrasings.COUNT_TO, (f"{counted}.",), k=str(number))
    words = " ".join(draw.some(phrasings.WORDS, draw.integer(1, 4)))
    if task == 4:
        said = draw.pick(phrasings.REPEAT).format(text=words)
        return [user(english.capitalized(said)), assistant(words)]
    answer = f"{english.capitalized(words.split()[-1])}."
    return _pair(draw, phrasings.LAST, (answer,), text=words)


_TALKS = (_small_talk, _joke, _story, _about, _list, _instruction)
_TOTALS = (0.35, 0.42, 0.52, 0.67, 0.77, 1.0)


def conversation(draw: Draw, setting: Setting) -> dict:
    """A greeting, a small wish, thanks: some of these, in that order."""
    messages = []
    if draw.chance(_GREETED):
        messages += _pair(draw, *phrasings.GREETINGS, name=draw.pick(GIRLS + BOYS))
    if not messages or draw.chance(0.6):
        messages += _TALKS[draw.index(_TOTALS)](draw, setting)
    if draw.chance(_THANKED):
        closing = phrasings.THANKS if draw.chance(0.6) else phrasings.GOODBYES
        messages += _pair(draw, *closing)
    return {"messages": messages} | tools.unused(draw)
