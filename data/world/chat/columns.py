"""Sums worked out one column at a time, so small that a token's computation is enough for each.

    47+38: 7+8=15, 4+3=7, 7+1=8, 85        the ones first; what is carried is added after
    85-38: 15-8=7, 8-1=7, 7-3=4, 47        a ten is borrowed where the upper digit is too small
    24*3: 4*3=12, 2*3=6, 6+1=7, 72         the second number has one digit

No part is more than a table of one-digit sums or products and a number carried.
"""


def _digits(number: int) -> list[int]:
    """The digits, the ones first."""
    return [int(digit) for digit in reversed(str(number))]


def _add(a: int, b: int) -> list[str]:
    upper, lower = _digits(a), _digits(b)
    if len(upper) < len(lower):
        upper, lower = lower, upper
    parts, carry = [], 0
    for place, x in enumerate(upper):
        total = x
        if place < len(lower):
            total = x + lower[place]
            parts.append(f"{x}+{lower[place]}={total}")
        if carry:
            parts.append(f"{total}+1={total + 1}")
            total += 1
        carry = total // 10
    return parts


def _subtract(a: int, b: int) -> list[str]:
    upper, lower = _digits(a), _digits(b)
    parts, borrowed = [], 0
    for place, x in enumerate(upper):
        y = lower[place] if place < len(lower) else 0
        if borrowed:
            if x == 0:  # a hundred is broken up on the way: the ten is 10 - 1
                parts.append("10-1=9")
                x, borrowed = 9, 1
            else:
                parts.append(f"{x}-1={x - 1}")
                x, borrowed = x - 1, 0
        if x < y:
            x, borrowed = x + 10, 1
        if place < len(lower):
            parts.append(f"{x}-{y}={x - y}")
    return parts


def _multiply(a: int, b: int) -> list[str]:
    parts, carry = [], 0
    for x in _digits(a):
        total = x * b
        parts.append(f"{x}*{b}={total}")
        if carry:
            parts.append(f"{total}+{carry}={total + carry}")
            total += carry
        carry = total // 10
    return parts


_WORKED = {"+": _add, "-": _subtract, "*": _multiply}


def worked(sign: str, a: int, b: int, result: int) -> str:
    """The line that works out ``a sign b``: a >= b where they are subtracted, b < 10 in "*"."""
    return f"{a}{sign}{b}: {', '.join(_WORKED[sign](a, b))}, {result}"
