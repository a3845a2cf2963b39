"""Somebody whose Telegram speaks German, from the first word on."""

import pytest

from tests.e2e.house import House
from tests.e2e.transcript import Stage

pytestmark = pytest.mark.slow


async def test_a_stranger_is_spoken_to_in_the_language_of_their_telegram_and_mailed_in_it(house: House) -> None:
    ada = house.sandbox.person("Ada", language_code="de-AT")
    stage = Stage(house, Ada=ada)
    await stage.play("""
        Ada: /start
        bot: Hallo, ich bin Openbell. … Wie lautet deine E-Mail-Adresse? …
        Ada: ada@example.com
        bot: Ich habe einen Code an ada@example.com geschickt. …
             [Neuen Code schicken] [Andere Adresse]
        mail to ada@example.com: … Dein Openbell-Code ist … {code} … Er gilt zehn Minuten …
        Ada: {code}
        bot: ✓ Du bist bestätigt als ada@example.com. …
        bot: Wo steht deine Uhr? …
        Ada: /help
        bot: Openbell … /jobs – Deine Jobs …
             [Jobs] [Läufe, Ergebnisse]
             [Wie ich dir schreibe] [Du und Openbell]
             [Verwaltung]
        Ada taps [Läufe, Ergebnisse]
        bot edits: Läufe, Ergebnisse … /why – …
             [Jobs] [Wie ich dir schreibe]
             [Du und Openbell] [Verwaltung]
             [Zurück]
        Ada: /jbos
        bot: Diesen Befehl kenne ich nicht. Meintest du /jobs oder /job oder /logs?
             [/jobs] [/job] [/logs]
        Ada taps [/jobs]
        bot: Du hast noch keine Jobs. …
    """)


async def test_a_report_and_its_captions_come_in_the_language_that_was_chosen(house: House) -> None:
    ada = await house.verified("Ada", "ada@example.com")
    await Stage(house, Ada=ada).play("""
        Ada: /language de
        bot: ✓ Ich spreche ab jetzt Deutsch mit dir.
             [‹ Einstellungen]
        Ada: /report GOLD
        bot: Ich zeichne den Bericht über GOLD. …
        bot: … seit dem Schluss von … Tagesbalken · simulierte Kurse
             [Werktags 08:30]
             [Täglich 08:30] [Jede Stunde]
             [Anderes Instrument] [Aktualisieren]
        Ada: jeden Werktag um 8:30 der Goldbericht
        bot: Neuer Job: GOLD-Bericht
             jeden Werktag um 08:30 · Europe/Berlin … Noch ist nichts gespeichert. …
        Ada taps [Speichern]
        bot edits: ✓ Gespeichert als Job 1: GOLD-Bericht, jeden Werktag um 08:30. …
        Ada: /pause 1
        bot: ⏸ Job 1, GOLD-Bericht, ist pausiert. …
    """)


async def test_mails_go_in_the_language_of_the_telegram_that_came_until_another_is_chosen(house: House) -> None:
    ada = house.sandbox.person("Ada", language_code="de")
    stage = Stage(house, Ada=ada)
    await stage.play("""
        Ada: /start
        bot: Hallo, ich bin Openbell. …
        Ada: ada@example.com
        bot: Ich habe einen Code an ada@example.com geschickt. …
        mail to ada@example.com: … {code} … Er gilt zehn Minuten …
        Ada: {code}
        bot: ✓ Du bist bestätigt als ada@example.com. …
        bot: Wo steht deine Uhr? …
        Ada: /notify report mail
        bot: Berichte: Mail …
        Ada: /report GOLD
        bot: Ich zeichne den Bericht über GOLD. …
    """)
    [code, *_] = house.sandbox.inbox()
    mail = await house.sandbox.wait_for_mail("ada@example.com", 30, after=code.id)
    assert mail.subject.startswith("Bericht: GOLD")
    assert "seit dem Schluss von" in mail.text
    assert "Antworten an diese Adresse liest niemand" in mail.text
