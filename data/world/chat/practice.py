"""Questions to find out what a model knows, in the words of training: none is held out.

Some are about the model itself: it would otherwise learn in what it is taught next that what is
not about anything in the world is not known.

What it is measured with afterwards are other phrasings and, of what it cannot know, other
entities.
"""

from data.world.chat import asking, declines, identity, knowledge
from data.world.chat.setting import Setting
from data.world.chat.split import Topic
from data.world.draw import Draw

# Shares of the questions that are about what conversations ask about, as far as there are topics,
# about what is made up and about the model itself; the rest are about what is told rarely or never.
_ASKED, _MADE_UP, _ITSELF = 0.18, 0.13, 0.1


def questions(setting: Setting, withheld: tuple[Topic, ...], count: int) -> list[dict]:
    """About `count` questions, as for measuring, each with its "entity", a "query" to search by,
    and the same question in other words ("again", each with its answer).

    They are about topics that conversations ask about, topics that the text tells rarely or (those
    of `withheld`) never, made-up names, and the model itself. No topic of the world is asked about
    twice.
    """
    draw = Draw(f"{setting.seed}/practice/topics")
    made_up = declines.made_up(setting, round(_MADE_UP * count), "practice")
    itself = identity.practice_questions(setting, round(_ITSELF * count), "practice")
    asked = draw.some(setting.asked, round(_ASKED * count))
    left = count - len(made_up) - len(itself) - len(asked)
    others = draw.some([*setting.split.rare, *withheld], left)
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
    return found + itself + made_up
