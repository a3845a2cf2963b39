"""What a failure at a step of SMTP means: was it taken, whose fault was it, and when is another try worth it?"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from aiosmtplib import errors

from notifications.errors import AddressGone, ChannelFault, Postponed, Refused, SendError, Uncertain

BACK_OFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180))
GREYLISTED = timedelta(minutes=5)
MAILBOX_FULL = timedelta(hours=1)
RELAY_RESTS = timedelta(minutes=1)


class Step(IntEnum):
    """How far a mail has got; only from BODY on may the relay have taken it."""

    CONNECT = 0
    TLS = 1
    LOGIN = 2
    MAIL = 3
    RCPT = 4
    DATA = 5
    BODY = 6


class Elsewhere(Postponed):
    """Not taken, and not for a reason that lies in the mail: another relay may take it now."""


class RelayRests(Elsewhere):
    """The relay wants nothing from anybody for a while; it says nothing about the mail, and costs it no attempt."""

    def __init__(self, message: str) -> None:
        super().__init__(message, RELAY_RESTS, counts=False)


class TooLarge(Refused):
    """The relay takes no mail of this size."""


@dataclass(frozen=True)
class Answer:
    """What the relay said: its code, the enhanced one where there is one, and its words on one line."""

    code: int
    enhanced: tuple[int, int] | None
    words: str

    @classmethod
    def of(cls, problem: errors.SMTPResponseException) -> "Answer":
        words = " ".join("".join(c if c.isprintable() else " " for c in problem.message).split())[:200]
        found = re.match(r"[245]\.(\d{1,3})\.(\d{1,3})(?!\S)", words)
        return cls(problem.code, (int(found[1]), int(found[2])) if found else None, words)

    @property
    def said(self) -> str:
        return f"{self.code} {self.words}".strip()

    @property
    def temporary(self) -> bool:
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        return 500 <= self.code < 600


def classify(problem: Exception, step: Step, attempts: int = 0) -> SendError:
    """The meaning of a failure at `step`, for a mail that has failed `attempts` times before."""
    if isinstance(problem, errors.SMTPRecipientsRefused) and problem.recipients:
        problem = problem.recipients[0]  # this class has no code of its own
    if isinstance(problem, errors.SMTPResponseException):
        return _of_answer(Answer.of(problem), step, attempts)
    if isinstance(problem, ValueError) and not isinstance(problem, OSError):  # bad certificates are both
        return Refused("the address cannot be written into a mail")
    return _of_silence(problem, step, attempts)


def _of_silence(problem: Exception, step: Step, attempts: int) -> SendError:
    """No answer: a lost connection, a time-out, or a relay that lacks what we demand."""
    said = f"{type(problem.__cause__ or problem).__name__} at {step.name}"
    match step:
        case Step.BODY:
            return Uncertain(f"the connection was lost while the mail was on its way ({said})")
        case Step.RCPT | Step.DATA:  # perhaps this one recipient's doing, so it counts against the mail
            return Elsewhere(f"the relay hung up before it took the mail ({said})", _wait(attempts))
        case Step.TLS:
            return ChannelFault(f"The mail relay offers no encryption that can be trusted ({said}); no mail is sent.")
        case Step.LOGIN:
            return ChannelFault(f"The mail relay lets nobody log in ({said}).")
        case Step.MAIL:
            return ChannelFault(f"The mail relay hung up ({said}).")
        case _:
            return ChannelFault(f"The mail relay can't be reached ({said}).")


def _of_answer(answer: Answer, step: Step, attempts: int) -> SendError:
    match step:
        case Step.CONNECT | Step.TLS | Step.LOGIN:
            return _of_relay(answer, step)
        case Step.BODY if not answer.temporary and not answer.permanent:
            return Uncertain(f"the relay's answer to the mail makes no sense ({answer.said})")
        case _ if answer.code == 421:
            return RelayRests(f"the relay is closing ({answer.said})")
        case _ if answer.code == 530:
            return ChannelFault(f"The mail relay demands a login ({answer.said}). Check SMTP_URL.")
        case Step.MAIL:
            return _of_sender(answer, attempts)
        case Step.RCPT:
            return _of_recipient(answer, attempts)
        case _ if answer.code == 552 or answer.enhanced in {(2, 3), (3, 4)}:
            return TooLarge(f"the relay takes no mail of this size ({answer.said})")
        case _ if answer.permanent:
            return Refused(f"the relay refused the mail ({answer.said})")
        case _:
            return Elsewhere(f"the relay said later ({answer.said})", _wait(attempts))


def _of_relay(answer: Answer, step: Step) -> SendError:
    if answer.temporary:
        return RelayRests(f"the relay takes no mail now ({answer.said})")
    if step is Step.LOGIN:  # its words may repeat the user's name
        return ChannelFault(f"The mail relay refused the login ({answer.code}). Check SMTP_URL.")
    return ChannelFault(f"The mail relay turned us away ({answer.said}).")


def _of_sender(answer: Answer, attempts: int) -> SendError:
    if answer.code == 552 or answer.enhanced in {(2, 3), (3, 4)}:
        return TooLarge(f"the relay takes no mail of this size ({answer.said})")
    if answer.permanent:
        return ChannelFault(f"The mail relay refused our sender address ({answer.said}). Check MAIL_FROM.")
    return Elsewhere(f"the relay said later ({answer.said})", _wait(attempts))


def _of_recipient(answer: Answer, attempts: int) -> SendError:
    if not answer.permanent:
        wait = max(GREYLISTED, _wait(attempts))
        return Postponed(f"the relay wants to hear of this recipient later ({answer.said})", wait)
    match answer.enhanced:
        case (1, 7) | (1, 8):  # the sender's address, not the recipient's
            return Refused(f"the recipient's server refused our sender address ({answer.said})")
        case (1, _) | (2, 1):
            return AddressGone(f"there is no such mailbox ({answer.said})")
        case (2, 2):
            return Postponed(f"the mailbox is full ({answer.said})", max(MAILBOX_FULL, _wait(attempts)))
        case (2, 3) | (3, 4):
            return TooLarge(f"the mailbox takes no mail of this size ({answer.said})")
        case None if answer.code == 552:
            return Postponed(f"the mailbox is full ({answer.said})", max(MAILBOX_FULL, _wait(attempts)))
        case _:  # policy, or no reason given: nothing that proves the address wrong
            return Refused(f"the relay refused the recipient ({answer.said})")


def _wait(attempts: int) -> timedelta:
    return BACK_OFF[min(attempts, len(BACK_OFF) - 1)]
