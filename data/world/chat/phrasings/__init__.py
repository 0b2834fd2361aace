"""How the world's facts are asked about in conversations, as plain data.

A relation ("country.capital") has

    asked            direct questions that documents do not ask; a share of them, drawn by chance,
                     is kept for measuring and in no training conversation
    asked_reverse    the same for questions that give the value and ask for the entity
    about            noun phrases that stand for the value: "the capital of {e}"
    clauses          indirect questions: "what the capital of {e} is"
    blanks           sentences that the value completes
    next             noun phrases for a second question about the same entity: "its capital"
    answers          two sentences that answer: one leads to the value, one begins with it
    reverse_answers  the same for a question that gives the value and asks for the entity
    blank_answer     what completes a blank, where it is not the bare answer to a question

Other direct questions come from data.world.phrasings, which documents are written with. Fields are
those of data.world.phrasings and {es}, the entity's name as a possessor, and {bare}, the bare
answer. FRAMES say what may stand around a question.
"""

from data.world.chat.phrasings import animal, country, element, person, sky, thing

ASKED: dict[str, dict[str, tuple[str, ...] | str]] = {
    f"{kind}.{relation}": entry
    for kind, table in {
        "country": country.ASKED,
        "element": element.ASKED,
        "animal": animal.ASKED,
        "planet": sky.PLANET_ASKED,
        "moon": sky.MOON_ASKED,
        "person": person.ASKED,
        "thing": thing.ASKED,
    }.items()
    for relation, entry in table.items()
}

# Around what is asked: {x} is filled with an entry of "about", "clauses", "blanks" or "next", or
# with a direct question; {X} is the same with a capital.
FRAMES: dict[str, tuple[str, ...]] = {
    "about": (
        "what is {x}?",
        "what's {x}?",
        "tell me {x}.",
        "please tell me {x}.",
        "can you tell me {x}?",
        "could you tell me {x}, please?",
        "do you know {x}?",
        "I would like to know {x}.",
        "{x}?",
        "{x}, please.",
        "give me {x}.",
        "I need to know {x}.",
        "I am looking for {x}.",
        "hello! What is {x}?",
        "I have to learn {x}. What is it?",
        "could you look up {x} for me?",
    ),
    "clauses": (
        "can you tell me {x}?",
        "could you tell me {x}?",
        "do you know {x}?",
        "tell me {x}.",
        "please tell me {x}.",
        "I want to know {x}.",
        "I would like to know {x}.",
        "I wonder {x}.",
        "would you tell me {x}, please?",
        "I have to find out {x}.",
        "my teacher asked me {x}.",
        "can you remember {x}?",
        "I do not remember {x}. Do you?",
        "please say {x}.",
        "may I ask you {x}?",
    ),
    "question": (
        "{x}",
        "{x}",
        "{x}",
        "{x}",
        "hello! {X}",
        "hi, {x}",
        "a question: {x}",
        "quick question: {x}",
        "{x} Thanks!",
        "please tell me: {x}",
        "so, {x}",
        "good morning! {X}",
        "I have a question. {X}",
        "here is one for you: {x}",
        "my friend wants to know: {x}",
        "{x} I forgot.",
    ),
    "blanks": (
        "{x} ...",
        "{x} what?",
        "complete the sentence: {x} ...",
        "complete: {x} ...",
        "fill in the blank: {x} ___.",
        "finish this sentence: {x} ...",
        "how does this go on? {X} ...",
        "please complete: {x} ...",
    ),
    "next": (
        "and {x}?",
        "and what is {x}?",
        "what about {x}?",
        "what is {x}?",
        "now tell me {x}.",
        "thanks. And {x}?",
        "can you also tell me {x}?",
        "I also need to know {x}.",
        "good. What is {x}?",
        "please tell me {x}, too.",
    ),
    # The same question about another entity of the kind.
    "same": ("and {x}?", "what about {x}?", "and what about {x}?", "now the same for {x}."),
    # Around a whole question, to ask for the bare answer.
    "short": (
        "{x} Answer shortly.",
        "{x} Only the answer, please.",
        "{x} Keep it short.",
        "{x} Just the answer.",
        "short answer, please: {x}",
        "{x} No sentence, please.",
    ),
}

# What a system message may say so that answers are bare.
SHORT_SYSTEM = ("Answer shortly.", "Give short answers.", "Only the answer, no sentence.")
