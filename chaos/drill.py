"""`make drill`: kill senders while they send, then count at the receiving end what came of every message.

Half of the messages are alerts, half are one broadcast, each to a person of its own. Two senders share the work; one
after another is killed with -9 and a new one takes its place.
"""

# ruff: noqa: T201 - a command's output

import argparse
import json
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import structlog

from chaos.drill_proofs import ROWS, WATCHED, Received, Row, figures, prove
from chaos.fleet import Member
from chaos.house import SECRET_KEY, House
from chaos.proofs import MOST_SHOWN, Proof
from db.engine import Database
from db.migrate import upgrade
from domain.ids import UserId
from domain.messages import LEASE, Category, Outgoing
from notifications import outbox
from openbell.processes import wait_until
from openbell.supervisor import bare

SENDERS = 2
PER_SECOND = 36.0
"""Two thousand messages take about a minute, and a call or two are under way at any moment."""
TOKEN = "4242:token-of-the-drill-0123456789"  # noqa: S105  # accepted by our own double alone
READY_WITHIN_S = 120.0
LOOK_EVERY_S = 0.03
STALLED_AFTER_S = 45.0
"""Beyond a lease: when nothing has moved for so long, nothing will, and the proofs show what is missing."""
FIRST_KILL, LAST_KILL = 0.03, 0.92
"""Kills fall between these shares of the messages, so that each finds some that wait."""
MUST_HIT_FROM = 10
"""With so many kills, one at least has to fall into a call, or the drill has shown nothing."""

PEOPLE = """
INSERT INTO usr_users (email, role, verified_at)
SELECT 'p' || n || '@drill.invalid', 'viewer', now() FROM generate_series(1, %(people)s) n;
INSERT INTO usr_auth_identities (user_id, provider, external_id, metadata)
SELECT id, 'telegram', id::text, jsonb_build_object('chat_id', id) FROM usr_users WHERE email LIKE '%%@drill.invalid';
"""
BROADCAST = """
WITH message AS (
    INSERT INTO msg_messages (user_id, category, lane, payload, expires_at)
    VALUES (%(first)s, 'broadcast', 3, '{"text": "bulk", "buttons": [], "params": {}}', now() + interval '1 day')
    RETURNING id)
INSERT INTO msg_delivery_status (message_id, user_id, channel, address, lane, place)
SELECT message.id, n, 'telegram', n::text, 3, n FROM message, unnest(%(people)s) n;
"""


@dataclass(frozen=True)
class Plan:
    """What is to be done; the seed draws the points of the kills, whom they hit, and how soon somebody follows."""

    seed: int
    messages: int
    kills: int
    lease: timedelta = LEASE
    per_second: float = PER_SECOND

    def points(self) -> list[int]:
        """After how many accepted messages each kill comes: one in each of as many equal parts."""
        chance = random.Random(f"kills {self.seed}")  # noqa: S311  # to be repeated
        part = (LAST_KILL - FIRST_KILL) / max(self.kills, 1)
        shares = (FIRST_KILL + part * (number + chance.random()) for number in range(self.kills))
        return [int(self.messages * share) for share in shares]


@dataclass(frozen=True)
class Place:
    """Where a drill is held: servers that are there, their database migrated, and a folder for what is said."""

    folder: Path
    db_url: str
    owner_url: str
    valkey_url: str
    secret_key: str


@dataclass(frozen=True)
class Kill:
    """One that was seen to happen."""

    at_s: float
    accepted: int
    waiting: int
    target: str
    proof: str


@dataclass(frozen=True)
class Report:
    """One drill."""

    plan: Plan
    kills: list[Kill]
    proofs: list[Proof]
    figures: dict[str, Any]
    sent_s: float
    quiet_s: float

    @property
    def passed(self) -> bool:
        return not any(proof.broken for proof in self.proofs)

    def as_dict(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "seed": self.plan.seed,
            "messages": self.plan.messages,
            "lease_s": self.plan.lease.total_seconds(),
            "kills": [vars(kill) for kill in self.kills],
            "until_the_last_kill_s": round(self.sent_s, 1),
            "until_everything_was_over_s": round(self.quiet_s, 1),
            "figures": self.figures,
            "proofs": [vars(proof) for proof in self.proofs],
        }


class _Patience:
    """How long to look at a number that does not change any more."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._seen, self._since = seconds, -1, time.monotonic()

    def ends(self, seen: int) -> bool:
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        return time.monotonic() - self._since > self._seconds


class Drill:
    """The receiving end, the senders, and the one who kills them."""

    def __init__(self, place: Place, plan: Plan) -> None:
        self._place, self._plan = place, plan
        self._chance = random.Random(f"targets {plan.seed}")  # noqa: S311  # to be repeated
        self._senders: list[Member] = []
        self._follow_at: dict[str, float] = {}
        self._ended: list[str] = []
        self._told = place.folder / "post.port"
        root = str(Path(__file__).resolve().parent.parent)
        self._environment = bare(os.environ) | {"PYTHONPATH": root}
        arguments = ("chaos.drill_post", str(plan.seed), str(self._told))
        self._post = Member("post", arguments, self._environment, place.folder / "post.log")
        self._database = Database.connect(place.db_url, place.secret_key, pool_size=2)

    def run(self) -> Report:
        """Send and kill, wait until everything is over, and look at both ends."""
        try:
            alerts, bulk = self._open()
            began = time.monotonic()
            kills = self._work(alerts, bulk)
            sent_s = time.monotonic() - began
            self._until_over()
            quiet_s = time.monotonic() - began - sent_s
            self._end_senders()
            return self._report(kills, sent_s, quiet_s)
        finally:
            self._end_senders()
            self._post.end()
            self._database.close()

    # the house

    def _open(self) -> tuple[list[int], list[int]]:
        """Everybody is there and everything works; the people of the alerts, and of the broadcast."""
        self._post.start()
        if not wait_until(self._told.exists, READY_WITHIN_S):
            raise RuntimeError(f"The receiving end did not start; see {self._post.log}.")
        self._execute(WATCHED)
        self._execute(PEOPLE, people=self._plan.messages)
        people = [row[0] for row in self._ask("SELECT id FROM usr_users WHERE email LIKE '%@drill.invalid'")]
        for number in range(SENDERS):
            self._senders.append(self._sender(f"sender{number + 1}"))
            self._senders[-1].start()
        if not wait_until(lambda: all(member.is_ready() for member in self._senders), READY_WITHIN_S):
            raise RuntimeError(f"The senders did not start; see {self._place.folder}.")
        half = self._plan.messages // 2
        return people[:half], people[half:]

    def _sender(self, name: str) -> Member:
        environment = self._environment | {
            "DB_URL": self._place.db_url,
            "REDIS_URL": self._place.valkey_url,
            "SECRET_KEY": self._place.secret_key,
            "DATA_DIR": str(self._place.folder),
            "TELEGRAM_TOKEN": TOKEN,
            "TELEGRAM_API_URL": f"http://127.0.0.1:{self._told.read_text(encoding='ascii')}",
        }
        arguments = ("chaos.drill_sender", str(self._plan.per_second), str(self._plan.lease.total_seconds()))
        return Member(name, arguments, environment, self._place.folder / f"{name}.log")

    def _end_senders(self) -> None:
        for member in self._senders:
            member.end()

    # the work

    def _work(self, alerts: list[int], bulk: list[int]) -> list[Kill]:
        """Queue the broadcast at once and the alerts one after another, and kill at the points of the plan."""
        self._execute(BROADCAST, first=bulk[0], people=bulk)
        began, queued, kills, points = time.monotonic(), 0, list[Kill](), self._plan.points()
        patience = self._patience()
        while points or queued < len(alerts):
            now = time.monotonic()
            due = min(int((now - began) * self._plan.per_second / 2) + 1, len(alerts))
            self._alert(alerts[queued:due], queued)
            queued = max(queued, due)
            accepted = self._accepted()
            if patience.ends(accepted):
                _say(f"nothing is sent any more after {accepted} messages")
                break
            if points and accepted >= points[0] and (target := self._target()):
                points.pop(0)
                kills.append(self._kill(target, now - began, accepted))
            self._look_after()
            time.sleep(LOOK_EVERY_S)
        return kills

    def _alert(self, people: list[int], first: int) -> None:
        if not people:
            return
        messages = [Outgoing(Category.ALERT, UserId(user), f"alert {first + n}") for n, user in enumerate(people)]
        with self._database.for_platform() as uow:
            outbox.enqueue_many(uow, messages, datetime.now(UTC))
            uow.commit()

    def _target(self) -> Member | None:
        """One of those that are at work; None while there is none."""
        at_work = [member for member in self._senders if member.runs and member.is_ready()]
        return self._chance.choice(at_work) if at_work else None

    def _kill(self, target: Member, at_s: float, accepted: int) -> Kill:
        waiting = self._unfinished()
        proof = target.kill()
        self._follow_at[target.name] = time.monotonic() + self._chance.uniform(0.0, 1.0)
        _say(f"{target.name} at {at_s:.1f} s, after {accepted} messages: {proof}")
        return Kill(round(at_s, 2), accepted, waiting, target.name, proof)

    def _look_after(self) -> None:
        """Start a new sender for one that was killed, a moment later."""
        for member in self._senders:
            if member.runs:
                continue
            if member.name not in self._follow_at:
                code = member.process.returncode if member.process is not None else None
                self._ended.append(f"{member.name} ended with {code}")
                self._follow_at[member.name] = time.monotonic()
            if time.monotonic() >= self._follow_at[member.name]:
                del self._follow_at[member.name]
                member.start()

    def _until_over(self) -> None:
        """Until nothing is queued or held any more; what a dead sender held waits for its lease to lapse."""
        patience = self._patience()
        while (left := self._unfinished()) and not patience.ends(left):
            self._look_after()
            time.sleep(0.2)

    def _patience(self) -> "_Patience":
        return _Patience(STALLED_AFTER_S + self._plan.lease.total_seconds())

    # both ends

    def _report(self, kills: list[Kill], sent_s: float, quiet_s: float) -> Report:
        rows = [Row(*row) for row in self._ask(ROWS)]
        received = Received([(chat, text) for chat, text in self._post_says("taken")])
        found = figures(rows, received)
        proofs = [*self._of_kills(kills, found), *prove(rows, received, self._plan.messages, len(kills))]
        return Report(self._plan, kills, proofs, found, sent_s, quiet_s)

    def _of_kills(self, kills: list[Kill], found: dict[str, Any]) -> list[Proof]:
        wanted = self._plan.kills
        idle = [(kill.target, f"{kill.at_s} s", "nothing waited") for kill in kills if not kill.waiting]
        missed = wanted >= MUST_HIT_FROM and not found["kills that cut a call off"]
        return [
            Proof("every kill was seen to happen", wanted, [(len(kills), "of", wanted)] if len(kills) < wanted else []),
            Proof("every kill came while messages waited", len(kills), list(idle)),
            Proof("kills fell into calls", len(kills), [("none did", f"of {wanted}")] if missed else []),
            Proof("no sender ended by itself", SENDERS + len(kills), [(end,) for end in self._ended]),
        ]

    def _accepted(self) -> int:
        return int(self._post_says("count"))

    def _post_says(self, what: str) -> Any:
        port = self._told.read_text(encoding="ascii")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{what}", timeout=30) as answer:
            return json.load(answer)

    def _unfinished(self) -> int:
        found = self._ask("SELECT count(*) FROM msg_delivery_status WHERE status IN ('queued', 'sending')")
        return int(found[0][0])

    def _ask(self, question: str) -> list[Any]:
        return self._execute(question, rows=True)

    def _execute(self, statement: str, *, rows: bool = False, **values: Any) -> list[Any]:
        connection = psycopg2.connect(self._place.owner_url, connect_timeout=10, application_name="drill")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return list(cursor.fetchall()) if rows else []
        finally:
            connection.close()


def lines(report: Report) -> list[str]:
    """The report for people."""
    plan = report.plan
    lease = f"lease {plan.lease.total_seconds():g} s"
    out = [
        f"seed {plan.seed}: {plan.messages} messages, {len(report.kills)} kills, {lease}",
        f"  {report.sent_s:.0f} s until the last kill and message, {report.quiet_s:.0f} s more until all was over",
    ]
    for name, value in report.figures.items():
        shown = ", ".join(f"{number} {key}" for key, number in value.items()) if isinstance(value, dict) else value
        out.append(f"  {name:45} {shown}")
    for proof in report.proofs:
        out.append(f"  {'FAIL' if proof.broken else 'ok  '}  {proof.promise} ({proof.looked_at})")
        out += [f"          {' '.join(str(value) for value in row)}" for row in proof.broken[:MOST_SHOWN]]
        if len(proof.broken) > MOST_SHOWN:
            out.append(f"          and {len(proof.broken) - MOST_SHOWN} more, all in the report")
    out.append("every message is accounted for" if report.passed else "A PROMISE WAS BROKEN")
    return out


def main() -> int:
    """Hold one drill; 0 when every message is accounted for."""
    asked = _arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    seed = asked.seed if asked.seed is not None else secrets.randbelow(10**6)
    plan = Plan(seed, asked.messages, asked.kills, timedelta(seconds=asked.lease))
    print(f"drill: {plan.messages} messages, {plan.kills} kills, seed {seed} (repeat with SEED={seed})", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="openbell-drill-"))
    folder.chmod(0o711)  # under root the database server is another account and passes through
    house = House(folder, seed)
    try:
        for server in (house.postgres, house.valkey):
            house.start_server(server)
        upgrade(house.postgres.owner_url, SECRET_KEY)
        place = Place(folder, house.postgres.public_url, house.postgres.owner_url, house.valkey.url(), SECRET_KEY)
        report = Drill(place, plan).run()
    finally:
        house.close()
    print("\n".join(lines(report)), flush=True)
    if asked.report:
        Path(asked.report).write_text(json.dumps(report.as_dict(), indent=1, default=str) + "\n", encoding="utf-8")
    if report.passed:
        shutil.rmtree(folder)
    else:
        print(f"logs and data are in {folder}")
    return 0 if report.passed else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos.drill", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeats a drill; default: a new one")
    parser.add_argument("--messages", type=int, default=2000, help="half alerts, half one broadcast")
    parser.add_argument("--kills", type=int, default=20, help="how many senders are killed")
    parser.add_argument("--lease", type=float, default=LEASE.total_seconds(), help="seconds; default: the product's")
    parser.add_argument("--report", help="write everything as JSON into this file")
    return parser.parse_args()


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
