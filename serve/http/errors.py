"""What a client did wrong, or cannot have now, in the shape of OpenAI's API.

{"error": {"message": ..., "type": ..., "param": ..., "code": ...}}
"""

from typing import Any

TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "invalid_request_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}


class ApiError(Exception):
    """An answer that is no success.

    Attributes:
        status: of HTTP.
        message: one sentence for a person.
        code: for programs; None: the type says enough.
        param: the field that is wrong.
        headers: of the response, beside the usual ones.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        return {
            "error": {
                "message": self.message,
                "type": TYPES[self.status],
                "param": self.param,
                "code": self.code,
            }
        }


def invalid(param: str, message: str, code: str = "invalid_value") -> ApiError:
    """A field of the request is wrong."""
    return ApiError(400, message, code, param)


def too_long(param: str, tokens: int | str, length: int) -> ApiError:
    """A prompt leaves no room for an answer. The first words are those that programs look for."""
    return ApiError(
        400,
        f"This model's maximum context length is {length} tokens. However, your {param} resulted "
        f"in {tokens} tokens. Please reduce the length of the {param}.",
        "context_length_exceeded",
        param,
    )
