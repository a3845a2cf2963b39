"""Each failure of a mail relay, on the wire: was it taken, whose fault was it, and when is another try worth it?"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from notifications.channels.email import EmailChannel
from notifications.channels.email.errors import TooLarge
from notifications.channels.email.session import Limits
from notifications.errors import AddressGone, ChannelFault, Postponed, Refused, SendError, Uncertain
from tests.fakes.mails import a_report
from tests.fakes.smtp import Fault, ScriptedRelay, Turn

QUICK = Limits(answer_s=1.0, before_body_s=2.0, take_s=1.2)
MINUTE = timedelta(minutes=1)
HANG, HANG_UP = Fault.HANG, Fault.HANG_UP


async def no_link() -> str:
    return "https://t.me/a_bot"


def channel(*urls: str, limits: Limits = QUICK) -> EmailChannel:
    return EmailChannel(" ".join(urls), "Openbell <bell@example.com>", "k" * 32, no_link, limits=limits)


async def ignore(_part: int, _provider_id: str) -> None:
    """Progress is not of interest here."""


@dataclass(frozen=True)
class Meaning:
    """What must follow: the class, whether the attempt counts, and the shortest wait."""

    error: type[SendError]
    counts: bool = True
    at_least: timedelta | None = None
    taken: int = 0


LATER = Meaning(Postponed, at_least=MINUTE)
RESTS = Meaning(Postponed, counts=False, at_least=MINUTE)
FAULT = Meaning(ChannelFault)
GREYLISTED = Meaning(Postponed, at_least=timedelta(minutes=5))
FULL = Meaning(Postponed, at_least=timedelta(minutes=15))
ROWS: list[tuple[str, Turn, Meaning]] = [
    ("greeting", HANG, FAULT),
    ("greeting", HANG_UP, FAULT),
    ("greeting", "421 4.3.2 shutting down", RESTS),
    ("greeting", "554 5.7.1 not you", FAULT),
    ("ehlo", HANG, FAULT),
    ("ehlo", HANG_UP, FAULT),
    ("ehlo", "550 5.7.1 no", FAULT),
    ("auth", "535 5.7.8 bad credentials", FAULT),
    ("auth", "534 5.7.9 use an app password", FAULT),
    ("auth", "530 5.7.0 no", FAULT),
    ("auth", "454 4.7.0 temporary", RESTS),
    ("auth", HANG, FAULT),
    ("auth", HANG_UP, FAULT),
    ("mail", "421 4.7.0 too many connections", RESTS),
    ("mail", "452 4.3.1 no room", LATER),
    ("mail", "550 5.1.0 sender rejected", FAULT),
    ("mail", "530 5.7.0 log in first", FAULT),
    ("mail", "552 5.3.4 too big", Meaning(TooLarge)),
    ("mail", HANG, FAULT),
    ("mail", HANG_UP, FAULT),
    ("rcpt", "450 4.2.0 greylisted", GREYLISTED),
    ("rcpt", "451 try again", GREYLISTED),
    ("rcpt", "421 4.7.0 closing", RESTS),
    ("rcpt", "550 5.1.1 no such user", Meaning(AddressGone)),
    ("rcpt", "553 5.1.3 bad address", Meaning(AddressGone)),
    ("rcpt", "550 5.2.1 mailbox disabled", Meaning(AddressGone)),
    ("rcpt", "552 5.2.2 mailbox full", FULL),
    ("rcpt", "552 mailbox full", FULL),
    ("rcpt", "554 5.7.1 relay access denied", Meaning(Refused)),
    ("rcpt", "550 5.1.8 bad sender", Meaning(Refused)),
    ("rcpt", "550 no", Meaning(Refused)),
    ("rcpt", HANG, LATER),
    ("rcpt", HANG_UP, LATER),
    ("data", "451 4.3.0 later", LATER),
    ("data", "554 5.5.1 no valid recipients", Meaning(Refused)),
    ("data", HANG, LATER),
    ("data", HANG_UP, LATER),
    ("body", HANG_UP, Meaning(Uncertain)),
    ("dot", "452 4.3.1 no room", LATER),
    ("dot", "421 4.3.2 closing", RESTS),
    ("dot", "554 5.7.1 looks like spam", Meaning(Refused)),
    ("dot", "552 5.3.4 too big", Meaning(TooLarge)),
    ("dot", HANG_UP, Meaning(Uncertain, taken=1)),
    ("dot", HANG, Meaning(Uncertain, taken=1)),
    ("dot", "what?", Meaning(Uncertain, taken=0)),
]


async def failure_of(mail: EmailChannel, **values: Any) -> SendError:
    with pytest.raises(SendError) as raised:
        await mail.send(a_report(**values), ignore)
    await mail.close()
    return raised.value


@pytest.mark.parametrize(("step", "turn", "meaning"), ROWS, ids=lambda value: getattr(value, "name", None))
async def test_each_failure_has_one_meaning(step: str, turn: Turn, meaning: Meaning) -> None:
    login = "ada:secret-word@" if step == "auth" else ""
    async with ScriptedRelay(extensions=("AUTH PLAIN",)).turn(step, turn).running() as relay:
        problem = await failure_of(channel(relay.url(login=login)))
    assert type(problem) is meaning.error or (meaning.error is Postponed and isinstance(problem, Postponed))
    assert len(relay.taken) == meaning.taken
    assert "secret-word" not in str(problem)
    if isinstance(problem, Postponed):
        assert problem.counts is meaning.counts
        assert problem.after is not None
        assert meaning.at_least is not None
        assert problem.after >= meaning.at_least
        assert step != "rcpt" or problem.after < timedelta(hours=2)


async def test_a_relay_that_is_not_there_is_the_channels_fault() -> None:
    async with ScriptedRelay().running() as relay:
        url = relay.url()
    assert isinstance(await failure_of(channel(url)), ChannelFault)


async def test_a_relay_without_starttls_gets_no_word_in_the_clear() -> None:
    async with ScriptedRelay(extensions=("AUTH PLAIN",)).running() as relay:
        problem = await failure_of(channel(relay.url("smtp", "ada:secret-word@")))
    assert isinstance(problem, ChannelFault)
    assert "encryption" in str(problem)
    assert [line.split()[0].upper() for line in relay.said] == ["EHLO"]


async def test_a_refused_starttls_is_never_gone_without() -> None:
    offers = ScriptedRelay(extensions=("STARTTLS", "AUTH PLAIN")).turn("starttls", "454 4.7.0 not now")
    async with offers.running() as relay:
        problem = await failure_of(channel(relay.url("smtp", "ada:secret-word@")))
    assert isinstance(problem, Postponed)
    assert not problem.counts
    assert [line.split()[0].upper() for line in relay.said] == ["EHLO", "STARTTLS"]


async def test_each_further_failure_waits_for_longer() -> None:
    waits = []
    for attempts in range(6):
        async with ScriptedRelay().turn("dot", "451 4.3.0 later").running() as relay:
            problem = await failure_of(channel(relay.url()), attempts=attempts)
        assert isinstance(problem, Postponed)
        assert problem.after is not None
        waits.append(problem.after.total_seconds() / 60)
    assert waits == [1, 5, 15, 60, 180, 180]
