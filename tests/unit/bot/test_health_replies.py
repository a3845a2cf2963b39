"""What the bot says of health: short for everybody, every part for admins, never longer than a message."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.replies import health
from db.status import Glance
from domain.health import ROLES, Status
from services.health import ComponentHealth

NOW = datetime(2026, 10, 23, 8, 0, tzinfo=UTC)


def part(
    system: str, component: str | None = None, status: Status = Status.HEALTHY, why: str | None = None, age: float = 4
) -> ComponentHealth:
    return ComponentHealth(system, component, status, NOW, timedelta(seconds=age), why, 45)


ROLES_WELL = [part(role) for role in ROLES]


def glance(**values: object) -> Glance:
    given = {"active": 3, "paused": 0, "running": 0, "waiting": 0, "failed": 0, "unsent": 0}
    return Glance(**(given | {"next_name": None, "next_at": None} | values))  # type: ignore[arg-type]


def test_when_all_is_well_that_is_all_that_is_said() -> None:
    assert health.in_short(ROLES_WELL).text == "🟢 Everything works."


def test_everybody_hears_which_part_is_down_but_not_why() -> None:
    text = health.in_short([*ROLES_WELL, part("notification", "email", Status.DOWN, "535 secret@example.com")]).text
    assert "🔴 Down: Mail relay." in text
    assert "not lost" in text
    assert "secret" not in text


def test_a_role_that_never_spoke_is_silent() -> None:
    assert "Worker" in health.in_short([each for each in ROLES_WELL if each.system != "worker"]).text


def test_prices_that_nobody_asked_for_are_no_trouble() -> None:
    found = [*ROLES_WELL, part("market_data", "yahoo", Status.UNKNOWN, age=200_000)]
    assert health.in_short(found).text == "🟢 Everything works."
    assert "Market data: yahoo" in health.every_part(found).text


def test_an_admin_sees_every_part_with_its_age_and_reason_trouble_first() -> None:
    found = [*ROLES_WELL, part("notification", "email", Status.DOWN, "Login <refused>"), part("valkey", age=130)]
    lines = health.every_part(found).text.splitlines()
    assert lines[0] == "🔴 Down: Mail relay."
    first = next(line for line in lines[2:] if line.startswith(("🔴", "🟢")))
    assert "Mail relay" in first
    assert "Login &lt;refused&gt;" in "\n".join(lines)
    assert any("Queue (Valkey)" in line and line.endswith("2 min 10 s · 45 ms") for line in lines)


def test_very_many_parts_fit_into_one_message() -> None:
    found = [part("notification", f"channel-{n}", Status.DOWN, "x" * 1000) for n in range(200)]
    assert len(health.every_part(found).text) < 4096


def test_a_glance_says_what_is_next_and_what_waits() -> None:
    mine = glance(paused=1, running=2, unsent=1, failed=1, next_name="GOLD <b>", next_at=NOW + timedelta(hours=2))
    reply = health.glance(mine, ROLES_WELL, ZoneInfo("Europe/Berlin"), NOW)
    assert "<b>3 jobs</b>, 1 paused" in reply.text
    assert "Next: GOLD &lt;b&gt;, Fri 23 Oct 12:00 CEST (in 2 h)" in reply.text
    assert "Under way: 2 runs" in reply.text
    assert "1 message" in reply.text
    assert "✗ 1 run failed" in reply.text
    assert reply.text.endswith("🟢 Everything works.")


def test_a_glance_of_nothing_is_short() -> None:
    text = health.glance(glance(active=0), ROLES_WELL, ZoneInfo("UTC"), NOW).text
    assert text == "<b>No jobs</b>\n\n🟢 Everything works."
