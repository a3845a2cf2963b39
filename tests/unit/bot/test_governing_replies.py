"""What is said about an account, feedback, the audit and the settings: it fits, and nothing of people is markup."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from telegram import Chat, InlineKeyboardButton, InlineKeyboardMarkup, Message, User

from bot.commands import account as account_commands
from bot.commands import feedback as feedback_commands
from bot.replies import Reply, account, feedback, governing
from domain.chat_settings import FOREVER, SETTINGS, ChatSettings
from domain.ids import UserId
from domain.locales import LOCALES, speaking
from domain.users import Role
from domain.users import User as Person
from services.audits import Entry
from services.chat_settings import Held
from services.feedbacks import Feedback

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NONCE = "19c3f2a1b44"
HOSTILE = "<b>\u202eEvil</b> & co " + "x" * 3000
ADA = Person(UserId(1), "ada@example.com", Role.ADMIN, "Europe/Berlin", True, "Ada")
HELD = [Held(each, getattr(ChatSettings(), each.key), "ada@example.com", NOW) for each in SETTINGS]
ENTRY = Entry(10**18, NOW, HOSTILE, "/run", HOSTILE, False, HOSTILE, 1234, "E-7F3A")
WRITTEN = Feedback(10**17, UserId(1), "<i>@example.com", HOSTILE[:80], HOSTILE[:2000], "open", NOW, None, None, None)
ANSWERED = replace(WRITTEN, status="answered", answer=HOSTILE[:1500], answered_by="ada@example.com", answered_at=NOW)


def all_of_them() -> list[Reply]:
    return [
        governing.audit([ENTRY] * 6, BERLIN, more="au:1:2", failed="au:1:0:failed"),
        governing.audit([], BERLIN),
        governing.audit_over(),
        governing.settings(HELD),
        *(governing.setting(each, BERLIN, NONCE) for each in HELD),
        *(governing.ask_setting(each) for each in HELD),
        *(governing.maintenance(until, BERLIN, NONCE) for until in (None, NOW, FOREVER)),
        governing.maintenance_over(),
        feedback.ask(),
        feedback.thanks(1),
        feedback.inbox([WRITTEN] * 6, BERLIN, more=True, everything=False),
        feedback.inbox([ANSWERED] * 6, BERLIN, more=True, everything=True),
        feedback.inbox([], BERLIN, more=False, everything=False),
        feedback.inbox([], BERLIN, more=False, everything=True),
        feedback.card(WRITTEN, BERLIN),
        feedback.card(ANSWERED, BERLIN),
        feedback.card(replace(WRITTEN, status="closed"), BERLIN),
        feedback.ask_answer(WRITTEN),
        feedback.answered(WRITTEN),
        account.ask_language("de"),
        account.language_set(None),
        account.privacy(12, known=True),
        account.privacy(1, known=False),
        account.ask_erase(ADA, 10**17, 3),
        account.ask_erase(ADA, 1, 0),
        account.not_erased(ADA),
        account.kept(),
        account.erased(2),
    ]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_reply_fits_into_a_message_with_buttons_that_telegram_takes(locale: str) -> None:
    with speaking(locale):
        for reply in all_of_them():
            assert len(reply.text) <= 4096, reply.text[:80]
            assert "<b>\u202e" not in reply.text
            assert "<i>@" not in reply.text
            for row in reply.buttons:
                assert len(row) <= 8
                for label, data in row:
                    assert len(label) <= 22, label
                    assert len(data.encode()) <= 64, data


def test_a_row_of_the_audit_says_who_what_and_what_came_of_it() -> None:
    entry = Entry(1, NOW, "ada@example.com", "/run", "/run 7", True, None, 1234, None)
    text = governing.audit([entry], BERLIN).text
    assert "Sat 21 Nov 13:00 CET · ada@example.com\n<code>/run 7</code>\n✓ 1,234 ms" in text
    pressed = replace(entry, command="button j", said="j:7:run", success=False, error="gone", reference="E-7F3A")
    assert (
        "<code>button j: j:7:run</code>\n✗ 1,234 ms · gone · <b>E-7F3A</b>" in governing.audit([pressed], BERLIN).text
    )


def test_a_value_is_shown_as_people_say_it() -> None:
    held = Held(next(each for each in SETTINGS if each.key == "stale_after"), timedelta(minutes=10))
    reply = governing.setting(held, BERLIN, NONCE)
    assert "Too old to act (<code>stale_after</code>): <b>10 minutes</b>" in reply.text
    assert [label for label, _ in reply.buttons[0]] == ["5m", "• 10m", "1h"]
    assert not any("As it comes" in label for row in reply.buttons for label, _ in row)


@pytest.mark.parametrize(
    ("typed", "erases"),
    [("DELETE", True), (" ADA@example.com ", True), ("delete", False), ("yes", False), ("bob@example.com", False)],
)
def test_only_the_own_address_or_the_word_erases(typed: str, *, erases: bool) -> None:
    assert account_commands.confirms(ADA, typed) is erases


def card_of(sender: int, data: str) -> Message:
    chat = Chat(5, Chat.PRIVATE)
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Answer", callback_data=data)]])
    card = Message(1, NOW, chat, from_user=User(sender, "x", True), text="Feedback", reply_markup=keyboard)
    return Message(2, NOW, chat, from_user=User(5, "Ada", False), text="Soon", reply_to_message=card)


def test_an_answer_is_a_reply_to_our_own_card_and_nothing_else() -> None:
    assert feedback_commands.replied_to(card_of(42, "fb:7:show:answer"), 42) == 7
    assert feedback_commands.replied_to(card_of(43, "fb:7:show:answer"), 42) is None
    assert feedback_commands.replied_to(card_of(42, "fb:7:show"), 42) is None
    assert feedback_commands.replied_to(card_of(42, "j:7:show"), 42) is None
    assert feedback_commands.replied_to(Message(2, NOW, Chat(5, Chat.PRIVATE), text="Soon"), 42) is None
