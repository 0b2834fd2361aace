"""Questions to find out what a model knows, in the words of training: none is held out.

What it is measured with afterwards are other phrasings and, of what it cannot know, other
entities.
"""

from data.world.chat import asking, declines, knowledge
from data.world.chat.setting import Setting
from data.world.chat.split import Topic
from data.world.draw import Draw

# Shares of the questions that are about what conversations ask about, as far as there are topics,
# and about what is made up; the rest are about what is told rarely or never.
_ASKED, _MADE_UP = 0.2, 0.15


def questions(setting: Setting, withheld: tuple[Topic, ...], count: int) -> list[dict]:
    """About `count` questions, as for measuring, each with its "entity", a "query" to search by,
    and the same question in other words ("again", each with its answer).

    They are about topics that conversations ask about, topics that the text tells rarely or (those
    of `withheld`) never, and made-up names. No topic is asked about twice.
    """
    draw = Draw(f"{setting.seed}/practice/topics")
    made_up = declines.made_up(setting, round(_MADE_UP * count), "practice")
    asked = draw.some(setting.asked, round(_ASKED * count))
    others = draw.some([*setting.split.rare, *withheld], count - len(made_up) - len(asked))
    found = []
    for topic in asked + others:
        draw = Draw(f"{setting.seed}/practice/{topic.id}")
        fact = topic.facts[0]
        text, answer = asking.question(draw, setting, fact)
        question = knowledge.question(topic, text, 0, "practice", False)
        named = {"entity": topic.entity.id, "query": asking.query(fact, text)}
        named |= {
            "reply": asking.looked_up(fact, answer),
            "again": asking.again(draw, setting, fact),
        }
        found.append(question | named)
    return found + made_up
