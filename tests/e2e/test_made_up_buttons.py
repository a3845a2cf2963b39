"""Buttons that nobody was shown: whatever they carry, an admin's too, nothing breaks."""

import pytest
from structlog.testing import capture_logs

from bot.app import PRESSES
from tests.e2e.house import House

LARGEST = str(2**63 - 1)
CARRIED = ("", ":", "x", "²:show", "7", "7:", "7:show", "7:show:job", "7:show:run", "0:csv", "1:1:1", "all:show")
LARGE = (LARGEST, f"{LARGEST}:show:job", f"{LARGEST}:show:queue", f"{LARGEST}:{LARGEST}:{LARGEST}", "9" * 40)


@pytest.mark.slow
async def test_whatever_a_button_carries_nothing_breaks(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await ada.send("/help")
    shown = await ada.wait_for(lambda m: "/jobs" in m.get("text", ""))
    with capture_logs() as logs:
        for press in PRESSES:
            for carried in (*CARRIED, *LARGE):
                made_up = await ada.press_again(shown["message_id"], f"{press.letter}:{carried}"[:64])
                await made_up.answer()
    broken = [line for line in logs if line["log_level"] in {"error", "critical"}]
    assert not broken, broken[0]
