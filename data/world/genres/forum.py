"""Threads of a forum: someone asks, others answer, not always at once."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.telling import Subject

_NICKS = (
    "bluebird sandy77 oldmapfan quizqueen northwind tea_lover curious_cat mrpenguin stargazer4 "
    "bookworm rainyday pixel_pete gardengnome slowcooker happyhiker lostinthought marble_run "
    "nightowl paperboat redscooter snowdrop tinwhistle wanderer61 yellowkite zigzag coffeebean"
).split()
_ASK = (
    (
        "[Hi all|Hello everyone|Hi there|Good evening|Hello], [a quick question|I hope someone can "
        "help|I could use some help]. {question}"
    ),
    (
        "[My daughter|My son|My little brother|My neighbour's boy] [asked me|wanted to know] [this "
        "today|something at breakfast|something I could not answer]: {question} [I had to admit "
        "that I did not know|I promised to find out|I was not sure]."
    ),
    (
        "[I am preparing|We are planning|I have to write] [a quiz|a talk for school|a short "
        "article|a crossword], and [one thing is missing|I am stuck]. {question}"
    ),
    (
        "{question} [I have looked in two books, but they do not say|I am sure I learned this "
        "once|I keep forgetting]."
    ),
    (
        "[Sorry if this is a silly question|This may be easy for most of you|I feel a bit foolish "
        "asking], but {question_low} [It has been on my mind all day|A friend and I cannot agree|I "
        "would like to be certain]."
    ),
)
_ASK_END = (
    "[Can anyone help?|Does anybody know?|Who knows?|Thanks!|Thank you!]",
    "",
)
_REPLY = (
    (
        "[That is an easy one|I can help with that|Good question|Happy to help|I know this one]: "
        "{clause}."
    ),
    (
        "{Clause}. [Hope that helps|I am quite sure of it|I looked it up to be certain|We learned "
        "that at school]."
    ),
    (
        "[As far as I know|If I remember rightly|According to my encyclopedia|As my old schoolbook "
        "says], {clause}."
    ),
    "[The answer is|In short]: {answer}. {Clause}.",
    "{Answer}. [Just to spell it out|To put it in a full sentence|In other words], {clause}.",
    "[Yes, I can tell you|I had to check, but now I know|No need to search any further]. {Clause}.",
)
_MORE = (
    "[Something else that may be useful|While we are at it|By the way|If you need more]: {clause}.",
    "[You could also mention|You might add|It may interest you] that {clause}.",
    "[Let me add one thing|One more thing|A small addition]. {Clause}.",
    (
        "[I would add|My teacher used to say] that {clause}. [Nice topic|Good thread|I like this "
        "forum]."
    ),
    (
        "[Also|Besides], {clause}. [That often comes up in quizzes|People tend to forget "
        "that|It is easy to remember]."
    ),
)
_FOLLOW_UP = (
    (
        "[Great, thanks|Thank you so much|That was quick]. [One more question|May I ask another "
        "thing|And while you are here]: {question}"
    ),
    "[Thanks a lot|Perfect]! {question} [Then I have everything|That is all I still need].",
    "[Interesting|I see]. [And another thing|A follow-up question]: {question}",
)
_THANKS = (
    (
        "[Thanks|Thank you|Many thanks] [to everyone|to all of you|everybody]! [That settles "
        "it|Now I can sleep|My quiz is ready|I will pass it on]."
    ),
    (
        "[Wonderful|Perfect|Brilliant], [that is just what I needed|I have written it all down|you "
        "have saved my evening]. [Thank you!|Thanks again!]"
    ),
    (
        "[What a helpful forum|You people know everything]. [I owe you one|I will be back with "
        "more questions|Have a nice weekend]."
    ),
    (
        "[Solved|Question answered|All clear now]. [The moderators may close this thread|Thanks "
        "for the kind replies|I learned more than I asked for]."
    ),
)
_CHATTER = (
    (
        "[I was about to write the same|The others were faster than me|Nothing to add, the answer "
        "above is right]."
    ),
    "[I did not know that either|I always mixed that up|Every day I learn something new here].",
    (
        "[Can you recommend a book on this?|Is there a good book about it?] [My children love such "
        "things|I would like to read more]."
    ),
    "[Nice thread|Good question, good answers]. [I will bookmark this|I have saved this page].",
)
_POST = (
    "{nick} wrote: {text}",
    "{nick}: {text}",
    "Posted by {nick}. {text}",
    "{nick} says: {text}",
)


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    told = list(draw.shuffled(subjects[0].facts))
    nicks = draw.some(_NICKS, 4)
    style = draw.pick(_POST)
    first = told.pop()
    question, answer = telling.asked(draw, first)
    title = question
    lowered = question[0].lower() + question[1:]
    posts = [(0, telling.fill(draw, _ASK, question=question, question_low=lowered))]
    posts[0] = (0, f"{posts[0][1]} {telling.fill(draw, _ASK_END)}".strip())
    if draw.chance(0.2):
        posts.append((3, telling.fill(draw, _CHATTER[2:3])))
    posts.append((1, _reply(draw, _REPLY, first, answer)))
    follow_ups = draw.shuffled(_FOLLOW_UP)
    for fact in told:
        if follow_ups and draw.chance(0.4):
            question, answer = telling.asked(draw, fact)
            posts.append((0, telling.fill(draw, (follow_ups.pop(),), question=question)))
            posts.append((draw.integer(1, 2), _reply(draw, _REPLY, fact, answer)))
        else:
            posts.append((draw.integer(1, 3), _reply(draw, _MORE, fact, "")))
    if draw.chance(0.4):
        posts.append((3, telling.fill(draw, _CHATTER)))
    posts.append((0, telling.fill(draw, _THANKS)))
    lines = []
    for author, text in posts:
        lines.append(style.format(nick=nicks[author], text=_finished(text)))
    return title, "\n\n".join(lines)


def _reply(draw: Draw, templates: Sequence[str], fact: telling.Fact, answer: str) -> str:
    clause = telling.clause(draw, fact)
    return telling.fill(
        draw,
        templates,
        clause=clause,
        Clause=english.capitalized(clause),
        answer=answer,
        Answer=english.capitalized(answer),
    )


def _finished(text: str) -> str:
    return english.sentence(text)
