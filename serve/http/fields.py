"""The fields of a request's JSON: each read with its type and range, or refused by name.

Fields that nobody asks for are ignored, since clients send many; null is the same as absent.
"""

import json
import secrets
from typing import Any

from serve.http.errors import ApiError, invalid

MAX_STOPS = 16
MAX_STOP_CHARACTERS = 256
MAX_BIASED = 1024
_TOP_K = 2**31 - 1


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        ApiError: it is none: 400.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise ApiError(
            400, f"The body is not UTF-8 (byte {error.start}).", "invalid_json"
        ) from None
    except RecursionError:
        raise ApiError(400, "The body is nested too deeply.", "invalid_json") from None
    except ValueError as error:
        raise ApiError(400, f"The body is not JSON ({error}).", "invalid_json") from None
    if not isinstance(value, dict):
        raise ApiError(400, "The body is not a JSON object.", "invalid_json")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def integer(body: dict[str, Any], name: str, default: int, low: int, high: int) -> int:
    """A whole number between `low` and `high`.

    Raises:
        ApiError: it is none: 400. So do the functions below.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(name, f"'{name}' must be an integer.", "invalid_type")
    if not low <= value <= high:
        raise invalid(name, f"'{name}' must be between {low} and {high}.")
    return value


def number(body: dict[str, Any], name: str, default: float, low: float, high: float) -> float:
    """A number between `low` and `high`."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise invalid(name, f"'{name}' must be a number.", "invalid_type")
    if not low <= value <= high:
        raise invalid(name, f"'{name}' must be between {low} and {high}.")
    return float(value)


def boolean(body: dict[str, Any], name: str, default: bool = False) -> bool:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise invalid(name, f"'{name}' must be true or false.", "invalid_type")
    return value


def text(body: dict[str, Any], name: str, default: str | None = None) -> str | None:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise invalid(name, f"'{name}' must be a string.", "invalid_type")
    return value


def choice(body: dict[str, Any], name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(body, name, default)
    if value not in allowed:
        raise invalid(name, f"'{name}' must be one of {', '.join(allowed)}.")
    return value


def mapping(body: dict[str, Any], name: str) -> dict[str, Any]:
    """An object; absent: an empty one."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(name, f"'{name}' must be an object.", "invalid_type")
    return value


def sampling(body: dict[str, Any]) -> dict[str, Any]:
    """temperature, top_k, top_p, min_p and seed, as serve.requests.Request takes them. Without a
    seed, one is drawn."""
    for name in ("presence_penalty", "frequency_penalty"):
        if number(body, name, 0.0, -2.0, 2.0):
            raise invalid(name, f"'{name}' is not supported by this server.", "unsupported_value")
    top_k = integer(body, "top_k", 0, -1, _TOP_K)  # -1 is what some clients call no limit
    seed = integer(body, "seed", secrets.randbits(32), -(2**63), 2**63 - 1)
    return {
        "temperature": number(body, "temperature", 1.0, 0.0, 2.0),
        "top_k": max(top_k, 0),
        # 0 is allowed in OpenAI's API: the most likely token.
        "top_p": max(number(body, "top_p", 1.0, 0.0, 1.0), 1e-6),
        "min_p": number(body, "min_p", 0.0, 0.0, 1.0),
        "seed": seed % 2**32,
    }


def stops(body: dict[str, Any]) -> tuple[str, ...]:
    """The strings that end the text."""
    value = body.get("stop")
    value = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(stop, str) for stop in value):
        raise invalid("stop", "'stop' must be a string or a list of strings.", "invalid_type")
    if len(value) > MAX_STOPS or any(len(stop) > MAX_STOP_CHARACTERS for stop in value):
        raise invalid(
            "stop",
            f"'stop' may hold {MAX_STOPS} strings of {MAX_STOP_CHARACTERS} characters at most.",
        )
    if "" in value:
        raise invalid("stop", "'stop' holds an empty string.")
    return tuple(value)


def biases(body: dict[str, Any], vocab_size: int) -> dict[int, float]:
    """logit_bias: what is added to the logits of tokens, by id."""
    value = mapping(body, "logit_bias")
    if len(value) > MAX_BIASED:
        raise invalid("logit_bias", f"'logit_bias' may name {MAX_BIASED} tokens at most.")
    found = {}
    for name in value:
        if not (name.isascii() and name.isdecimal() and len(name) < 10 and int(name) < vocab_size):
            raise invalid("logit_bias", f"'logit_bias' names tokens by ids below {vocab_size}.")
        found[int(name)] = number(value, name, 0.0, -100.0, 100.0)
    return found


def include_usage(body: dict[str, Any]) -> bool:
    return boolean(mapping(body, "stream_options"), "include_usage")
