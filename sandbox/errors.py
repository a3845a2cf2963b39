"""What the simulated Telegram refuses, in Telegram's words."""

from typing import Any


class ApiError(Exception):
    """A refusal that becomes an HTTP status and Telegram's own description."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        """The JSON that a client of the Bot API reads."""
        answer: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        return answer | ({"parameters": self.parameters} if self.parameters else {})


def bad_request(words: str) -> ApiError:
    """A 400 with the usual prefix."""
    return ApiError(400, f"Bad Request: {words}")


def conflict(words: str) -> ApiError:
    """A 409: two ways of receiving updates at once."""
    return ApiError(409, f"Conflict: {words}")


def forbidden(words: str) -> ApiError:
    """A 403: the person does not want this bot."""
    return ApiError(403, f"Forbidden: {words}")


class SandboxError(Exception):
    """The sandbox cannot start or do what was asked; the text is one sentence, fit to be shown."""
