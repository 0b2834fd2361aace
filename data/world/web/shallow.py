"""Pages that are no spam and yet teach nothing: with the score that a reader would give them."""

from collections.abc import Callable

from data.world import telling
from data.world.draw import Draw
from data.world.genres import prose

_CHATTER = (
    "[Nothing much|Not a lot] happened [today|this week|since my last post], so [here is a quick "
    "update|this will be short|I will just ramble a little].",
    "[I slept badly|I overslept|I was up far too early] and [the coffee was cold|the bus was full|"
    "nobody had tidied up], but [never mind|that is life|I am not complaining].",
    "[Sorry for the silence|I know, I know, I have been away|Yes, I am still here], [things have "
    "been busy|work has been mad|life got in the way].",
    "[Anyway|So yeah|Well], [that is all from me|more soon|I should really go to bed now].",
    "[My phone|The computer|The heating] [broke again|is playing up], and [of course|naturally] "
    "[nobody|not a soul] [answers|picks up] at the shop.",
    "[We had pizza|There was cake|I burnt the toast] [again|as always], [lol|haha|what can I say].",
    "[I might|I will probably|Maybe I will] [change the colours of this page|start a new diary|"
    "post some pictures] [later|next week|when I find the time].",
    "[Thanks to everyone who|A big hug to all who] [left a comment|wrote in the guestbook|voted "
    "for me], [you rock|you know who you are|it made my day].",
    "[The weather is|It has been] [grey|dull|so so], [nothing new there|typical really|whatever].",
    "[Somebody|A guy|This woman] at work [said something funny|kept talking|ate my lunch], but "
    "[you had to be there|I forget how it went|that is a long story].",
    "[Does anyone|Do any of you] [still read this|have plans for the weekend|feel like a chat]? "
    "[Tell me in the comments|Just asking|Say hi].",
    "[I cannot decide|I keep changing my mind] [what to wear|which series to start|where to go out]"
    " [on Friday|tonight|for the party].",
)
_BAIT = (
    "[You will not believe|Nobody expected|We still cannot get over] what [happened next|this "
    "celebrity did|she found in her garage]!",
    "[Number seven|The last one|Photo number four] will [shock you|make you cry|blow your mind].",
    "[Doctors|Experts|Banks] [hate|do not want you to know|are furious about] this [one|simple|"
    "weird] trick.",
    "[Fans are going wild|The internet is losing it|Everyone is talking] over this [amazing|insane|"
    "jaw dropping] [moment|look|reveal].",
    "[Share this|Tag a friend|Hit like] if you [agree|laughed out loud|miss the good old days]!",
    "[Stars then and now|Their transformation|The wedding of the year]: [just wow|no words|you "
    "have to see it].",
    "[But wait|And it gets better|Hold on], [there is more|the best comes last|keep scrolling].",
    "[Take our quiz|Swipe to the end|Open the gallery] and [find out who you really are|see for "
    "yourself|prepare to be amazed].",
    "[This is why|Here is the real reason] [he left the show|they broke up|she deleted the post], "
    "and [it is wild|we are speechless|fans called it].",
    "[Only one in ten|Almost nobody|Just a few geniuses] can [spot the difference|guess the price|"
    "see the hidden face].",
)
_PROMOTION = (
    "[Introducing|Meet|Say hello to] the [all new|exclusive|award winning] {product}, [designed|"
    "made|crafted] for [people like you|modern living|those who want more].",
    "[Order now|Act fast|Hurry] and [save up to|get an extra|enjoy] {n} percent [off|discount] "
    "[while stocks last|this week only|at checkout].",
    "[Free shipping|Fast delivery|Easy returns] on [all orders|every item|your first purchase], "
    "[no questions asked|guaranteed|terms apply].",
    "[Our customers love|Everyone adores|Shoppers rave about] the {product} [and so will you|more "
    "than anything|five stars out of five].",
    "[Treat yourself|Upgrade your home|Give the perfect gift] with [our best seller|the {product}|"
    "this season's must have].",
    "[Available in|Choose from|Comes in] {n} [stylish|trendy|gorgeous] colours and [all sizes|"
    "three finishes|two versions].",
    "[Add to your basket|Join our rewards club|Use the code SAVE{n}] and [collect points|pay later|"
    "unlock secret deals].",
    "[Premium quality|Superior comfort|Unmatched value] at a price you [will adore|cannot resist|"
    "deserve].",
    "The {product} is [sure to impress|a real eye catcher|simply a class of its own], [trust us|"
    "period|no doubt].",
    "[Not satisfied|Changed your mind|Found it cheaper]? [We refund the difference|Send it back|"
    "Talk to our team], [hassle free|any time|no fuss].",
)
_PRODUCTS = (
    "comfort cushion;storage box set;garden lounger;phone holder;cosy throw;travel organiser;"
    "kitchen gadget;yoga mat;cable organiser;shower caddy;photo frame;party pack"
).split(";")
_HOROSCOPE = (
    "[Love|Money|Luck] is [in the air|on your side|just around the corner] for [Virgo|Gemini|Libra|"
    "Sagittarius|Capricorn|Aquarius] [this week|today|until the weekend].",
    "[A stranger|An old flame|Someone close] will [surprise you|send a message|cross your path], "
    "[so stay open|trust your heart|follow the signs].",
    "[Your lucky number is|Play the number|Think of] {n} [and wear red|on Friday|if in doubt].",
    "[The stars|The planets|Cosmic energies] [align|smile|whisper] and [your mood lifts|doubts "
    "fade|passion returns].",
    "[Avoid|Stay away from|Do not make] [big decisions|arguments with the boss|risky deals] before "
    "[the full moon|noon|Tuesday].",
    "[Virgo|Gemini|Libra|Sagittarius|Capricorn|Aquarius], [be bold|breathe|let go], [the universe "
    "hears you|a door opens|your time is now].",
    "[Singles|Couples|Dreamers] [should flirt|need patience|feel the spark] [tonight|all day long|"
    "more than ever].",
)
_LATIN = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
    "Sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.",
    "Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi.",
    "This is a sample page of your new theme and you can replace the words with your own.",
    "Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore.",
    "Click edit to change this text and tell the visitors of your site about yourself.",
)
_TEASERS = (
    "[Local news|In the region|From the town hall]: the [council|mayor|committee] has [decided|"
    "announced|promised] that the ...",
    "[Sport|Weekend results]: after a [long|wild|dull] match the [home team|guests] have ...",
    "[Opinion|Comment]: why we should [all|never|once more] think about the ...",
    "[Culture|Stage]: with a [quiet|loud] evening the [choir|theatre] has opened its ...",
    "[Traffic|Roads]: drivers must [wait|be patient|look out] on Monday because of ...",
)
_CODE = (
    "function {v}(x) {{ return x + {n}; }}",
    "if ({v} > {n}) {{ {v} = {n}; }} else {{ {v}++; }}",
    "for (var {v} = 0; {v} < {n}; {v}++) {{ list.push({v}); }}",
    "var {v} = {{ size: {n}, name: null, next: [] }};",
    "while ({v} !== {n}) {{ {v} = step({v}); }}",
    "This is the part of the script that you have to paste into the page to make it work.",
)

Text = tuple[str, tuple[str, ...]]


def _prose(draw: Draw, templates: tuple[str, ...], low: int, high: int) -> tuple[str, ...]:
    """Paragraphs that do not say a thing twice in the same words, as far as that can be."""
    said: dict[str, None] = {}
    for _ in range(200):
        if len(said) >= low:
            break
        values = {"n": draw.integer(2, 60), "product": draw.pick(_PRODUCTS)}
        for template in draw.some(templates, draw.integer(5, high)):
            said.setdefault(telling.expand(draw, template).format_map(values))
    sentences = list(said)
    size = draw.integer(3, 5)
    return tuple(" ".join(sentences[i : i + size]) for i in range(0, len(sentences), size))


def _chatter(draw: Draw) -> Text:
    titles = "[Just me again|Bits and bobs|Monday blues|Random thoughts|Still alive]"
    return telling.expand(draw, titles), _prose(draw, _CHATTER, 11, 12)


def _bait(draw: Draw) -> Text:
    titles = "[You have to see this|We are speechless|This changes everything|Wow, just wow]"
    return telling.expand(draw, titles), _prose(draw, _BAIT, 11, 10)


def _promotion(draw: Draw) -> Text:
    product = draw.pick(_PRODUCTS)
    return f"{product.title()} - special offer", _prose(draw, _PROMOTION, 10, 10)


def _horoscope(draw: Draw) -> Text:
    title = telling.expand(draw, "[Your week in the stars|Horoscope]")
    return title, _prose(draw, _HOROSCOPE, 11, 7)


def _placeholder(draw: Draw) -> Text:
    paragraphs = [" ".join(draw.some(_LATIN, 4)) for _ in range(draw.integer(3, 5))]
    return telling.expand(draw, "[Sample page|Hello world|Our services]"), tuple(paragraphs)


def _teasers(draw: Draw) -> Text:
    lines = [telling.fill(draw, _TEASERS) for _ in range(draw.integer(10, 16))]
    return telling.expand(draw, "[Today at a glance|Headlines|More stories]"), tuple(lines)


def _code(draw: Draw) -> Text:
    lines = [
        draw.pick(_CODE).format(v=draw.pick("abcdijkmnpq"), n=draw.integer(1, 900))
        for _ in range(draw.integer(14, 24))
    ]
    title = telling.expand(draw, "[Snippet|Paste|Untitled script] ")
    return f"{title}{draw.integer(1, 999)}", tuple(lines)


def _gibberish(draw: Draw) -> Text:
    def word() -> str:
        return "".join(draw.pick("bcdfghklmnprstvwxzaeiou") for _ in range(draw.integer(3, 11)))

    paragraphs = [
        " ".join(word() for _ in range(draw.integer(30, 60))).capitalize() + "."
        for _ in range(draw.integer(2, 5))
    ]
    return word().capitalize(), tuple(paragraphs)


def _numbers(draw: Draw) -> Text:
    lines = []
    for _ in range(draw.integer(15, 30)):
        cells = [f"{draw.integer(1, 9999)}.{draw.integer(10, 99)}" for _ in range(8)]
        lines.append(f"{draw.pick(prose.PLACES)} {' '.join(cells)}")
    title = telling.expand(draw, "[Results|Price list|Measurements] ")
    return f"{title}{draw.integer(1, 99)}", tuple(lines)


def _hashtags(draw: Draw) -> Text:
    tags = "love fun happy me selfie weekend nofilter mood goals vibes party style follow".split()
    lines = []
    for _ in range(draw.integer(6, 10)):
        said = telling.fill(draw, _CHATTER)
        lines.append(f"{said} {' '.join('#' + tag for tag in draw.some(tags, 8))}")
    return "My feed", tuple(lines)


def _repeated(draw: Draw) -> Text:
    paragraph = " ".join(telling.fill(draw, _CHATTER) for _ in range(3))
    return "Please read", (paragraph,) * draw.integer(4, 7)


def _stub(draw: Draw) -> Text:
    lines = (
        "[This article is a stub|Text follows|More soon|Page under revision].",
        "[You can help by adding to it|Check back later|Thank you for your patience].",
        f"[Last change|Edited] in {draw.integer(2003, 2022)} by {draw.pick(prose.GIRLS)}.",
    )
    return draw.pick(prose.PLACES), (" ".join(telling.expand(draw, line) for line in lines),)


# Variant -> (what writes it, its score).
VARIANTS: dict[str, tuple[Callable[[Draw], Text], int]] = {
    "chatter": (_chatter, 2),
    "bait": (_bait, 1),
    "promotion": (_promotion, 1),
    "horoscope": (_horoscope, 1),
    "placeholder": (_placeholder, 0),
    "teasers": (_teasers, 1),
    "code": (_code, 1),
    "gibberish": (_gibberish, 0),
    "numbers": (_numbers, 0),
    "hashtags": (_hashtags, 1),
    "repeated": (_repeated, 1),
    "stub": (_stub, 1),
}


def write(draw: Draw, variant: str) -> Text:
    """Title and paragraphs."""
    return VARIANTS[variant][0](draw)
