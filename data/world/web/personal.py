"""E-mail and IP addresses for the text of a page, and what looks like them and must stay."""

import ipaddress
from dataclasses import replace

from data.world import telling
from data.world.draw import Draw
from data.world.genres import prose
from data.world.web.page import Article, Section

FIRST_NAMES = prose.GIRLS + prose.BOYS
FAMILIES = "moreau lindqvist oduya castell hrubes tanaka verhoef bianchi soares kowal".split()
_HOSTS = "post.example mail.larkfield.example rosehill-school.example letters.example".split()

_OPENING = (
    "[Before we forget|One more thing], [here are some notes|a few lines] from the people who look "
    "after these pages and would like to hear from [everyone who reads them|you now and then].",
    "[Those who run|The friends behind] this site [have asked us|wish] to add [what follows|the "
    "lines below], so that nobody can say that they were not told about it in time.",
    "[As in every year|As always], the last lines of the page belong to the small notices that "
    "[arrive in the office|find their way to us] and do not fit anywhere else.",
)
_EMAIL = (
    "[Questions and corrections|Letters and pictures] are welcome at {email}.",
    "[You can reach me|Write to me] at {email} [most evenings|at any time of day].",
    "[Contact|Address for letters]: {email}. [Please be patient with the answer|We read it all].",
    "If you [want to join|would like a copy], [send a line|drop a note] to the office ({email}).",
    "[My new address is|The club now uses] <{email}>, [so please change your books|not the old "
    "one].",
    "Anyone may write to {email}, and {email_too} takes care of the rest.",
)
_ADDRESS = (
    "[The old server|Our little server|The machine in the library] [answers|can be found] at {ip} "
    "[for the time being|until the end of the year].",
    "[Somebody|A visitor] from {ip} [changed this page|edited the text] [last night|twice], so we "
    "have [restored|put back] the earlier words.",
    "[Ping|Try] {ip} first, and [if nothing comes back|should it stay silent], tell the caretaker.",
    "The second server ({ip}) [holds the same pages|is a day behind], as the notice outside says.",
)
_LOOKALIKES = (
    ("We have moved to release {x} of the reading program.", "version3"),
    ("The reading program is now at version {x}, which is a little faster.", "version4"),
    ("The typed date on the letter was {x}, as far as we can tell.", "date"),
    ("The form was filled in wrongly, with {x} where the address should be.", "not_ip"),
    ("Rule {x} of the club says that nobody has to speak.", "section"),
    ("Call us on {x} between nine and noon.", "phone"),
    ("Follow {x} for news of the next meeting.", "handle"),
    ("The network in the library gives every visitor {x} to begin with.", "private"),
    ("The bell is set to {x} and cannot be changed.", "time"),
    ("The label on the box reads {x}, which is no use to anyone.", "mac"),
    ("The account is called {x} and cannot be reached from outside.", "local"),
    ("Write to us, that is {x}, in words so that no robot can read it.", "spelled"),
    ("Copies are 3 for 5 @ the door, or {x} in the shop.", "price"),
)


def _email(draw: Draw) -> str:
    first = draw.pick(FIRST_NAMES)
    family = draw.pick(FAMILIES)
    name = draw.pick(
        (
            f"{first}.{family}".lower(),
            f"{first[0]}{family}{draw.integer(1, 99)}".lower(),
            f"{family}_{first}".lower(),
            f"{first}+letters".lower(),
            f"{first}.{family}",
            f"info-{draw.integer(10, 99)}",
        )
    )
    return f"{name}@{draw.pick(_HOSTS)}"


def _ipv4(draw: Draw) -> str:
    while True:
        address = ".".join(str(draw.integer(1, 254)) for _ in range(4))
        parsed = ipaddress.ip_address(address)
        if parsed.is_global and not (parsed.is_multicast or parsed.is_reserved):
            return address


def _ipv6(draw: Draw) -> str:
    groups = [f"{draw.integer(0, 0xFFFF):x}" for _ in range(6)]
    prefix = draw.pick(("2a01:4f8", "2a02:908", "2600:1f18", "2001:67c"))
    style = draw.integer(0, 2)
    if style == 0:
        return f"{prefix}:{':'.join(groups)}"
    if style == 1:
        return f"{prefix}:{groups[0]}::{draw.integer(1, 0xFFFF):x}"
    return f"{prefix}:{groups[0]}:{groups[1]}::{draw.integer(1, 9)}".upper()


def _lookalike(draw: Draw, sort: str) -> str:
    def n(low: int, high: int) -> int:
        return draw.integer(low, high)

    if sort == "version3":
        return f"{n(1, 12)}.{n(0, 30)}.{n(0, 200)}"
    if sort == "version4":
        return f"{n(1, 9)}.{n(0, 9)}.{n(0, 20)}.{n(1, 250)}"
    if sort == "date":
        return draw.pick((f"{n(10, 28)}.{n(10, 12)}.19{n(10, 99)}", f"19{n(10, 99)}.0{n(1, 9)}.11"))
    if sort == "not_ip":
        address = [n(1, 99) for _ in range(4)]
        address[n(0, 3)] = n(256, 999)
        return ".".join(map(str, address))
    if sort == "section":
        return ".".join(str(n(1, 12)) for _ in range(n(5, 6)))
    if sort == "phone":
        tail = n(10, 99)
        return draw.pick((f"555-01{tail}", f"020 7946 01{tail}", f"1.800.555.01{tail}"))
    if sort == "handle":
        return f"@{draw.pick(FAMILIES)}{n(1, 99)}"
    if sort == "private":
        return draw.pick(
            (f"192.168.{n(0, 9)}.{n(2, 250)}", f"10.0.{n(0, 9)}.{n(2, 250)}", f"fe80::{n(1, 9)}")
        )
    if sort == "time":
        return f"{n(10, 23)}:{n(10, 59)}:{n(10, 59)}"
    if sort == "mac":
        return ":".join(f"{n(16, 255):02x}" for _ in range(6))
    if sort == "local":
        return f"{draw.pick(FAMILIES)}@localhost"
    if sort == "spelled":
        return f"{draw.pick(FAMILIES)} at letters dot example"
    return f"{n(2, 9)}.{n(10, 99)}"


def planted(draw: Draw, article: Article) -> tuple[Article, tuple[str, ...], tuple[str, ...]]:
    """The article with some sentences more, the addresses in them, and what only looks so."""
    found, similar, sentences = [], [], []
    for _ in range(draw.integer(1, 2)):
        if draw.chance(0.6):
            fields = {"email": _email(draw), "email_too": _email(draw)}
            templates = _EMAIL
        else:
            fields = {"ip": _ipv6(draw) if draw.chance(0.4) else _ipv4(draw)}
            templates = _ADDRESS
        sentence = telling.expand(draw, draw.pick(templates)).format_map(fields)
        sentences.append(sentence)
        found += [value for value in fields.values() if value in sentence]
    for template, sort in draw.some(_LOOKALIKES, draw.integer(1, 2)):
        value = _lookalike(draw, sort)
        sentences.append(template.format(x=value))
        similar.append(value)
    # A string must not be hidden in another one, or its fate could not be told.
    kept = [value for value in similar if not any(value in other for other in found)]
    paragraph = " ".join((telling.fill(draw, _OPENING), *draw.shuffled(sentences)))
    last = article.sections[-1]
    section = Section(last.title, (*last.paragraphs, paragraph))
    return replace(article, sections=(*article.sections[:-1], section)), tuple(found), tuple(kept)
