"""Jokes and short stories on request, of mixed quality: preferences tell the better ones."""

from data.world.chat import tools
from data.world.chat.setting import Setting, assistant, user
from data.world.draw import Draw
from data.world.jokes import grammar


def conversation(draw: Draw, setting: Setting) -> dict:
    """A request about a subject that is not held out, and an answer in whole sentences."""
    asked = grammar.prompt(draw, held_out=False)
    messages = [user(asked), assistant(grammar.answer(draw, asked))]
    return {"messages": messages} | tools.unused(draw)
