"""The first whole path: a stranger proves who they are, schedules a report, and it arrives."""

import time

from tests.e2e.house import House, code_in


async def test_a_stranger_becomes_admin_schedules_a_report_and_receives_it(house: House) -> None:
    ada = house.person("Ada")
    await ada.send("/start")
    await ada.wait_for(lambda m: "What is your e-mail address?" in m["text"])
    await ada.send("ada@example.com")
    await ada.wait_for(lambda m: "I sent a code to ada@example.com" in m["text"])
    mail = await house.sandbox.wait_for_mail("ada@example.com")
    await ada.send(code_in(mail.text))
    await ada.wait_for(lambda m: "You're verified" in m["text"] and "admin" in m["text"])
    await ada.wait_for(lambda m: "Where is your clock?" in m["text"])
    await ada.press("z:Europe/London")
    await ada.wait_for(lambda m: "Your time zone is Europe/London" in m["text"])

    await ada.send("/report GOLD")
    report = await ada.wait_for(lambda m: "photo" in m, timeout=30)
    assert "GOLD" in report["caption"]
    assert "simulated" in report["caption"]

    await ada.press("Every weekday 08:30")
    shown = await ada.wait_for(lambda m: "every weekday at 08:30" in m.get("text", ""))
    assert shown["text"].count("08:30 GMT") + shown["text"].count("08:30 BST") >= 3
    await ada.press("Save")
    await ada.wait_for(lambda m: "Saved as job 1" in m.get("text", ""))

    await ada.send("/run 1")
    await ada.wait_for(lambda m: "photo" in m, timeout=30, after=report["message_id"])
    deadline = time.monotonic() + 10
    history = await ada.ask("/history")
    while "message sending" in history["text"] and time.monotonic() < deadline:
        history = await ada.ask("/history")  # a picture is seen a moment before its delivery is written down
    assert history["text"].count("✓") == 2
    assert history["text"].count("delivered") == 2
