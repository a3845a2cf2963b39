"""A small Bot API server on the wire: it answers as Telegram does until a test plans that it does not."""

import json
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.http import Answer, FakeServer, Request, page

TOKEN = "4242:token-of-the-fake"
ME = {"id": 4242, "is_bot": True, "first_name": "Bell", "username": "bell_bot"}


def refusal(status: int, description: str, *, code: int | None = None, **parameters: Any) -> Answer:
    """A refusal as the Bot API words it."""
    body: dict[str, Any] = {"ok": False, "error_code": code or status, "description": description}
    if parameters:
        body["parameters"] = parameters
    return page(status, json.dumps(body), "application/json")


def bad_request(words: str, **parameters: Any) -> Answer:
    """A 400 with the usual prefix."""
    return refusal(400, f"Bad Request: {words}", **parameters)


@dataclass
class FakeBotApi(FakeServer):
    """Telegram, as far as a sender knows it; `plan_for` makes it misbehave."""

    handler: Any = None
    by_method: defaultdict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    _given: int = 0

    def __post_init__(self) -> None:
        self.handler = self._as_telegram_does

    @property
    def taken(self) -> int:
        """How many messages were taken."""
        return self._given

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def plan_for(self, method: str, *answers: Answer) -> None:
        """Answer the next calls of that method so."""
        self.by_method[method.lower()].extend(answers)

    def calls(self, method: str = "") -> list[dict[str, str]]:
        """The parameters of the calls so far, of one method or of all but getMe."""
        named = ((request.path.rsplit("/", 1)[1].lower(), request) for request in self.requests)
        return [
            r.form | {"method": name} for name, r in named if name == method.lower() or not (method or name == "getme")
        ]

    @property
    def methods(self) -> list[str]:
        """Which methods were called, in order, but for getMe."""
        return [call["method"] for call in self.calls()]

    @property
    def texts(self) -> list[str]:
        """What the calls so far wanted to say."""
        return [call.get("text") or call.get("caption", "") for call in self.calls()]

    def next_planned(self, target: str) -> Answer | None:
        planned = self.by_method[target.split("?")[0].rsplit("/", 1)[1].lower()]
        return planned.popleft() if planned else super().next_planned(target)

    def _as_telegram_does(self, request: Request) -> Answer:
        token, method = request.path.removeprefix("/bot").split("/", 1)
        if token != TOKEN:
            return refusal(401, "Unauthorized")
        match method.lower():
            case "getme":
                return _yes(ME)
            case "sendmessage" | "sendphoto" | "senddocument":
                return _yes(self._message(request.form["chat_id"]))
            case "sendmediagroup":
                count = len(json.loads(request.form["media"]))
                return _yes([self._message(request.form["chat_id"]) for _ in range(count)])
            case "editmessagetext" | "editmessagecaption":
                return _yes(True)
            case _:
                return refusal(404, "Not Found: method not found")

    def _message(self, chat: str) -> dict[str, Any]:
        self._given += 1
        where = {"id": int(chat), "type": "private", "first_name": "Ada"}
        return {"message_id": 99 + self._given, "date": 1_790_000_000, "chat": where, "from": ME}


def _yes(result: Any) -> Answer:
    return page(200, json.dumps({"ok": True, "result": result}), "application/json")
