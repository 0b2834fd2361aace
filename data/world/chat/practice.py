"""Questions to find out what a model knows, in the words of training: none is held out.

What it is measured with afterwards are other phrasings and, of what it cannot know, other
entities.
"""

from data.world.chat import asking, declines, knowledge
from data.world.chat.setting import Setting
from data.world.chat.split import Topic
from data.world.draw import Draw

# Of every question about something told, how many are about what is made up.
_MADE_UP = 0.15


def questions(setting: Setting, withheld: tuple[Topic, ...], count: int) -> list[dict]:
    """About `count` questions, as for measuring, each with its "entity" and a "query" to search by.

    Each topic that conversations ask about, that the text tells rarely or (of `withheld`) never is
    asked about at most once before any is asked about again; the rest are about made-up names.
    """
    made_up = declines.made_up(setting, round(_MADE_UP * count), "practice")
    topics = [*setting.split.asked, *setting.split.rare, *withheld]
    order = Draw(f"{setting.seed}/practice/order").shuffled(range(len(topics)))
    found = []
    for turn in range(count - len(made_up)):
        topic = topics[order[turn % len(order)]]
        draw = Draw(f"{setting.seed}/practice/{topic.id}/{turn // len(order)}")
        fact = topic.facts[0]
        text, answer = asking.question(draw, fact, setting.options["value_first"])
        question = knowledge.question(topic, text, turn // len(order), "practice", False)
        found.append(
            question | {"entity": topic.entity.id, "query": asking.query(fact), "reply": answer}
        )
    return found + made_up
