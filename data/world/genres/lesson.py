"""Conversations in which one person asks and another one answers."""

from collections.abc import Sequence

from data.world import english, telling
from data.world.draw import Draw
from data.world.genres.prose import BOYS, GIRLS, TEACHERS
from data.world.telling import Subject

_AT_SCHOOL = (
    (
        "[It was|This happened on] [a Monday morning|the last day of term|a hot afternoon], and "
        "{asker} [wanted to see|was curious] what the class [remembered|had learned]."
    ),
    (
        "[The lesson|The hour] began, as always, with [a round of questions|quick questions]. "
        "{asker} [looked around the room|closed the book] and [picked|pointed at] {pupil}."
    ),
    (
        "[It was raining|Snow was falling], so the class [stayed indoors|spent the break inside], "
        "and {asker} [played a round of questions|went through the quiz cards] with {pupil}."
    ),
    (
        "{pupil} [had missed a week|had been ill] and [wanted to catch up|was afraid of having "
        "forgotten everything], so {asker} [stayed after class|took some time] to [ask a few "
        "questions|practise]."
    ),
)
_AT_HOME = (
    (
        "[On the way to town|In the train|At the breakfast table|While they waited for the bus], "
        "{asker} and {pupil} [played|were playing] their favourite game: [one asks, the other "
        "answers|questions and answers]."
    ),
    (
        "{pupil} had [a test|an exam|a quiz] [the next day|on Thursday], so {asker} [offered to "
        "help|sat down to practise|took the book and asked questions]."
    ),
    (
        "{asker} was [bored|in a good mood] and [decided to test|wanted to test] {pupil}. [Neither "
        "of them|No one] expected [the game to last so long|to learn so much]."
    ),
    (
        "[Rain|Snow] was falling outside, and {asker} and {pupil} [stayed indoors|sat by the "
        "window] with [a box of question cards|a quiz book]."
    ),
)
_ASKING = (
    '"{question}" {asker} asked.',
    '"{question}" asked {asker}.',
    '{asker} [looked up|thought for a moment|smiled]. "{question}"',
    '"[Next question|Here is another one|Now this one|Let us go on]," said {asker}. "{question}"',
    '"[All right|Well then|Ready]," said {asker}, "{question_low}"',
    '{asker} [turned the page|drew a card|pointed at the board] and asked, "{question}"',
)
_ANSWERING = (
    '"{Clause}," [said|answered|replied] {pupil}.',
    '{pupil} [did not hesitate|knew it at once|had to think]. "{Clause}."',
    '"[Easy|I know that|Let me think]," said {pupil}. "{Clause}."',
    '"{Answer}," said {pupil}. "{Clause}."',
    (
        '"{Answer}," [answered|replied|said] {pupil}. "[Right|Is that right|Correct]?" '
        '"[Right|Yes|Correct]," said {asker}. "{Clause}."'
    ),
    (
        '"[Is it not|I think it is|I believe it is] {answer}?" [asked|said] {pupil}. '
        '"[Exactly|That is right|Yes]," said {asker}, "{clause}."'
    ),
    (
        '{pupil} [shook {his} head|had no idea|could not remember]. "[Then listen|Never mind|Write '
        'it down]," said {asker}. "{Clause}."'
    ),
    '"[I read that|We learned that|I am sure that] {clause}," said {pupil}.',
)
_PRAISE = (
    '"[Very good|Well done|Excellent|Correct]," said {asker}.',
    "{asker} [nodded|clapped|was pleased].",
    '"[That was a hard one|Not many people know that|You have been reading]," said {asker}.',
    "{pupil} [wrote it down|repeated it twice|grinned].",
    "",
    "",
    "",
)
_ENDINGS = (
    (
        '"[Enough for today|That will do|Let us stop here]," said {asker}, and [they went out to '
        "play|the bell rang|they put the book away]."
    ),
    (
        "[In the end|By the end], {pupil} knew [every answer|all the answers] [by heart|without "
        "help], and {asker} was [proud|content|very pleased]."
    ),
    (
        '"[Tomorrow|Next time] [I will ask you|it is my turn to ask]," said {pupil}. {asker} '
        "[laughed|agreed|promised to be ready]."
    ),
    (
        "[They|The two of them] [went on|could have gone on] [like this|for hours], but [it was "
        "time for lunch|the bus came|the bell rang]."
    ),
    (
        '"[How do you remember all this|Where do you get all these questions]?" [asked|said] '
        '{pupil}. "[I read a lot|Books|From an old quiz book]," [said|answered] {asker}.'
    ),
)
_ENDINGS_AT_HOME = (
    (
        '"[Enough for today|That will do|Let us stop here]," said {asker}, and [they went out for '
        "a walk|supper was ready|they put the book away]."
    ),
    (
        "[They|The two of them] [went on|could have gone on] [like this|for hours], but [it was "
        "time for lunch|the bus came|somebody knocked at the door]."
    ),
    *_ENDINGS[1:3],
    _ENDINGS[4],
)
_ELDERS = ("Grandfather", "Grandmother", "Aunt Helen", "Uncle George", "Father", "Mother")


def write(draw: Draw, subjects: Sequence[Subject]) -> tuple[str, str]:
    girl = draw.chance(0.5)
    pupil = draw.pick(GIRLS if girl else BOYS)
    askers, scenes, endings = draw.pick(
        ((TEACHERS, _AT_SCHOOL, _ENDINGS), (_ELDERS, _AT_HOME, _ENDINGS_AT_HOME))
    )
    asker = draw.pick(askers)
    names = {"asker": asker, "pupil": pupil, "his": "her" if girl else "his"}
    blocks = [telling.fill(draw, scenes, **names)]
    pools = [draw.shuffled(pool) for pool in (_ASKING, _ANSWERING, _PRAISE)]
    for i, fact in enumerate([fact for subject in subjects for fact in subject.facts]):
        question, answer = telling.asked(draw, fact)
        clause = telling.clause(draw, fact)
        fields = names | {
            "question": question,
            "question_low": question[0].lower() + question[1:],
            "answer": answer,
            "Answer": english.capitalized(answer),
            "clause": clause,
            "Clause": english.capitalized(clause),
        }
        turn = [telling.fill(draw, (pool[i % len(pool)],), **fields) for pool in pools]
        blocks.append(" ".join(part for part in turn if part))
    blocks.append(telling.fill(draw, endings, **names))
    title = telling.fill(
        draw, ("[Questions and answers|A game of questions|The quiz|Asked and answered]",)
    )
    separator = draw.pick(("\n\n", "\n", " "))
    body = separator.join(english.capitalized(block) for block in blocks)
    return f"{title}: {asker} and {pupil}", body
