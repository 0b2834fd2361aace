"""E-mail addresses and public IP addresses, replaced by addresses that belong to nobody.

Only what is an address by its surroundings too is replaced: 1.2.3.4 is not one inside 999.1.2.3 or
1.2.3.4.5, nor after "version". Private, loopback and documentation addresses identify nobody and
stay.
"""

import dataclasses
import ipaddress
import re

import xxhash


@dataclasses.dataclass(frozen=True)
class Pii:
    """What is replaced. The replacements for e-mail are FineWeb's (arXiv 2406.17557).

    An address is always given the same replacement, so that a text keeps telling two people apart
    where it can.
    """

    emails: bool = True
    email_replacements: tuple[str, ...] = ("email@example.com", "firstname.lastname@example.org")
    ips: bool = True
    # Of the blocks kept for documentation (RFC 5737, RFC 3849), which will never be anybody's.
    ipv4_replacements: tuple[str, ...] = ("192.0.2.1", "198.51.100.2", "203.0.113.3")
    ipv6_replacements: tuple[str, ...] = ("2001:db8::1", "2001:db8::2", "2001:db8::3")


# The characters that local parts in use have; RFC 5322 allows more, which on web pages are markup
# around an address. RFC 5321: up to 64 characters before the @, 255 after.
_LOCAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+%'-]*(?:\.[A-Za-z0-9_+%'-]+)*\Z")
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,10}"
    r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])(?![A-Za-z0-9_@])"
)

# What no domain has right after it: it would be part of it, or of something else.
_MORE = re.compile(r"[A-Za-z0-9_@]")

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(
    rf"(?<![\w.+])(?<!::)(?<![A-Za-z_]-)(?<!(?<!/)/){_OCTET}(?:\.{_OCTET}){{3}}(?!\w|[-+][A-Za-z]|\.\w)"
)
# An IPv6 address that ends in an IPv4 one (after "::", say) is neither: both leave it alone.
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,35}(?!\w|\.[0-9])")
# Four numbers after one of these are a version or a place in a document.
_NUMBERED = re.compile(
    r"(?i)(?:\b(?:version|ver|release|firmware|build|revision|rev|section|sect|chapter|clause|"
    r"article|paragraph|para|figure|fig|table|item|rule|step)s?\.?|\bv\.?|§)[\s:#=(]*\Z"
)
# How far back such a word can stand.
_BEFORE = 24


def replace(text: str, settings: Pii) -> tuple[str, dict[str, int]]:
    """The text with its addresses replaced, and how many of each kind: "emails", "ipv4", "ipv6".

    What has been replaced once is not replaced again: a second pass changes nothing.
    """
    counts = {"emails": 0, "ipv4": 0, "ipv6": 0}
    if settings.emails and "@" in text:
        text, counts["emails"] = _replace_emails(text, settings.email_replacements)
    if settings.ips and "." in text:
        text, counts["ipv4"] = _replace_matches(
            _IPV4, _public_ipv4, settings.ipv4_replacements, text
        )
    if settings.ips and ":" in text:
        text, counts["ipv6"] = _replace_matches(
            _IPV6, _public_ipv6, settings.ipv6_replacements, text
        )
    return text, counts


def _choice(address: str, replacements: tuple[str, ...]) -> str:
    # Not Python's hash: it differs from process to process.
    return replacements[xxhash.xxh3_64_intdigest(address.lower().encode()) % len(replacements)]


def _replace_emails(text: str, replacements: tuple[str, ...]) -> tuple[str, int]:
    # From each @ outwards, a bounded way: a pattern that starts at the local part would read every
    # long run of letters once for each of them.
    parts: list[str] = []
    # Up to where the text has been copied, and up to where it belongs to an address.
    copied = taken = count = 0
    at = text.find("@")
    while at >= 0:
        if end := _replacement_end(text, at, replacements):
            taken = end
        else:
            local = _LOCAL.search(text[max(taken, at - 64) : at])
            domain = _DOMAIN.match(text, at + 1, at + 256)
            if local and domain:
                start, taken = at - len(local[0]), domain.end()
                parts += text[copied:start], _choice(text[start:taken], replacements)
                copied = taken
                count += 1
        at = text.find("@", at + 1)
    return "".join(parts) + text[copied:], count


def _replacement_end(text: str, at: int, replacements: tuple[str, ...]) -> int:
    """Where a replacement ends whose @ is at `at`; 0: there is none."""
    for replacement in replacements:
        if "@" not in replacement:
            continue
        start = at - replacement.index("@")
        end = start + len(replacement)
        if start >= 0 and text.startswith(replacement, start) and not _MORE.match(text, end):
            return end
    return 0


def _replace_matches(
    pattern: re.Pattern, is_public, replacements: tuple[str, ...], text: str
) -> tuple[str, int]:
    count = 0

    def replacement(found: re.Match) -> str:
        nonlocal count
        # A colon after an address is punctuation.
        address = found[0] if found[0].endswith("::") else found[0].rstrip(":")
        before = text[max(0, found.start() - _BEFORE) : found.start()]
        if not is_public(address) or _NUMBERED.search(before):
            return found[0]
        count += 1
        return _choice(address, replacements) + found[0][len(address) :]

    return pattern.sub(replacement, text), count


def _public_ipv4(address: str) -> bool:
    parsed = ipaddress.IPv4Address(address)
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved)


def _public_ipv6(address: str) -> bool:
    # Of all addresses only 2000::/3 is given to anybody (IANA): the pattern asks for it.
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return parsed.is_global and address.count(":") >= 2
