"""Questions that only a search can answer: about what the world withholds from its documents.

The run's index must hold what is withheld (config.search.source "library" beside the text). What is
practised on and what is measured with are about different entities, the latter in wordings that no
conversation has (data.world.chat).
"""

from data.tool_declarations import SEARCH
from data.world.chat import asking, grade, knowledge, split
from data.world.chat.setting import Setting
from data.world.draw import Draw
from rl.environments import answers
from rl.environments.environment import Environment, Problem
from rl.environments.world import Posed, environment

NAME = "search"


def search(setting: Setting, world_seed: int) -> Environment:
    """Questions with the search tool, of one level; a decline is worth nothing."""
    topics: dict[bool, list[split.Topic]] = {False: [], True: []}
    for topic in split.withheld(world_seed):
        topics[not split.for_practice(setting.seed, topic)].append(topic)

    def posed(draw: Draw, held_out: bool, level: int) -> Posed:
        topic = draw.pick(topics[held_out])
        fact = topic.facts[0]
        if held_out:
            text = draw.pick(asking.held_out_questions(setting, fact))
        else:
            text, _ = asking.question(draw, setting, fact)
        question = knowledge.question(topic, text, 0, NAME, reverse=False)
        return Posed(text, question["answer"], question)

    return environment(NAME, 1, posed, _fault, (SEARCH,))


def _fault(problem: Problem, text: str) -> str:
    if answers.graded(problem.facts, text):
        return ""
    return "declined" if grade.is_decline(text) else "another answer"
