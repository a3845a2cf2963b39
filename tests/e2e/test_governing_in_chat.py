"""What an admin governs in the chat: feedback, the audit, live settings, maintenance."""

import asyncio

from tests.e2e.house import House
from tests.e2e.transcript import Stage


async def test_feedback_comes_to_the_admins_and_the_answer_comes_back_below_it(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    stage = Stage(house, Ada=ada, Bob=bob)
    await stage.play("""
        Bob: /feedback
        bot: What would you like to tell those who run this Openbell? …
        Bob: The gold chart is <too> small
        bot: ✓ Thank you. The admins have it as number 1; their answer comes here.
        bot to Ada: Feedback 1 from bob@example.com: The gold chart is <too> small …
             [Answer] [Close]
        Ada taps [Answer]
        bot: Write your answer to bob@example.com (feedback 1) as your next message. …
        Ada: It grows tomorrow.
        bot: ✓ Your answer to feedback 1 is on its way to bob@example.com.
        bot to Bob: An answer to what you wrote on …: It grows tomorrow. …
        Bob: /feedback Thank you!
        bot: ✓ Thank you. The admins have it as number 2; …
        bot to Ada: Feedback 2 from bob@example.com: Thank you! …
    """)
    answer = next(each for each in bob.replies() if "It grows tomorrow" in each["text"])
    asked = next(each for each in bob.messages() if each.get("text") == "The gold chart is <too> small")
    assert answer["reply_to_message"]["message_id"] == asked["message_id"]
    card = next(each for each in ada.replies() if "Feedback 2" in each["text"])
    await ada.send("With pleasure.", reply_to=card["message_id"])
    await stage.play("""
        bot to Ada: ✓ Your answer to feedback 2 is on its way to bob@example.com.
        bot to Bob: … With pleasure. …
        Ada: /feedbacks
        bot: Nothing waits for an answer.
             [Answered, too]
        Ada taps [Answered, too]
        bot edits: What people wrote, the newest first 2 · … · answered Thank you! 1 · …
             [2] [1]
        Ada taps [1]
        bot edits: Feedback 1 from … Answered by ada@example.com, … It grows tomorrow.
             [What waits]
        Bob: /feedbacks
        bot: I don't know that command. …
    """)
    await ada.send("Once more.", reply_to=card["message_id"])
    await ada.wait_for(lambda m: "answered already" in m.get("text", ""))


async def test_the_audit_is_looked_through_by_person_command_time_and_failure(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    await bob.ask("/job 999")
    await bob.ask("/help")
    deadline = asyncio.get_running_loop().time() + 10
    while "ms" not in (await ada.ask("/audit bob /help"))["text"]:  # such rows are written a moment later, together
        assert asyncio.get_running_loop().time() < deadline
    await Stage(house, Ada=ada, Bob=bob).play("""
        Ada: /audit bob failed
        bot: Who did what, the newest first
             … · bob@example.com /job 999 ✗ … ms · I can't find …
        Ada: /audit bob /help today
        bot: Who did what, the newest first … · bob@example.com /help ✓ … ms
             [Failures only]
        Ada: /audit E-0000
        bot: Nothing of that kind is in the audit. …
        Ada: /audit
        bot: Who did what, the newest first …
             [Failures only] [Older]
        Ada taps [Older]
        bot edits: Who did what, the newest first …
        Ada: /audit bob ada
        bot: I can't look for “ada”. …
        Bob: /audit
        bot: I don't know that command. …
    """)


async def test_settings_are_typed_live_and_say_who_set_them(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await Stage(house, Ada=ada).play("""
        Ada: /set
        bot: Settings of this Openbell … Who may come in (access_mode): open …
        Ada: /set access_mode everybody
        bot: “everybody” is no value for access_mode, so nothing was changed. … Example: /set access_mode invite
        Ada: /set speed 3
        bot: There is no setting “speed”. There are access_mode, …
        Ada: /set access_mode invite
        bot: ✓ Who may come in (access_mode): invite … Set by ada@example.com, …
             [open] [• invite] [approve]
             [As it comes]
             [All settings]
        Ada taps [approve]
        bot edits: ✓ Who may come in (access_mode): approve …
        Ada taps [As it comes]
        bot edits: ✓ Who may come in (access_mode): open …
        Ada: /set stale_after
        bot: Too old to act (stale_after): 10 minutes …
             [5m] [• 10m] [1h]
             [Another value…]
             [All settings]
        Ada taps [Another value…]
        bot edits: Write the value for stale_after …
        Ada: ages
        bot: “ages” is no value for stale_after, so nothing was changed. …
        Ada: 2h
        bot: ✓ Too old to act (stale_after): 2 hours …
    """)


async def test_who_speaks_a_language_that_i_do_not_is_answered_in_the_one_that_an_admin_chose(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    eva = house.sandbox.person("Eva", language_code="fr")
    stage = Stage(house, Ada=ada, Eva=eva)
    await stage.play("""
        Eva: /jobs
        bot: You're not verified yet. …
        Ada: /set default_language de
        bot: ✓ Default language (default_language): Deutsch …
    """)
    answer = await eva.ask("/jobs")
    assert "You're not" not in answer["text"]
    await stage.play("""
        Eva: /language en
        bot: ✓ I speak English with you from now on.
        Eva: /jobs
        bot: You're not verified yet. …
    """)


async def test_maintenance_holds_everybody_back_but_admins_and_what_only_reads(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    bob = await house.verified("Bob", "bob@example.com")
    await Stage(house, Ada=ada, Bob=bob).play("""
        Ada: /maintenance
        bot: Everybody is served. …
        Ada: /maintenance on until 2001-01-01
        bot: …
        Ada: /maintenance on 2h
        bot: Maintenance until … Scheduled jobs go on, …
             [End it now]
        Bob: /jobs
        bot: Maintenance is going on until …, and nothing was changed. Scheduled jobs go on. …
        Bob: hello
        bot: Maintenance is going on until …
        Tom: /start
        bot: Maintenance is going on until …
        Bob: /whoami
        bot: bob@example.com …
        Bob: /status
        bot: …
        Ada: /jobs
        bot: …
        Ada taps [End it now]
        bot edits: ✓ Maintenance is over, everybody is served again.
        Bob: /jobs
        bot: …
    """)
