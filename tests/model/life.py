"""Two schedulers, three workers and two people, who do everything that they may do, in any order, on a real database.

Each rule is one transaction of the product's own services, or something that goes wrong between two of them. After each
the database is looked at: what must hold is written here in words of its own, not in those of the code under test.
"""

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.errors import GiveUp, OpenbellError, RetryLater
from domain.messages import Category, Outgoing
from domain.runs import Bell, ClaimedRun, Outcome
from domain.schedules import Proposal
from domain.timing import Timing
from services.jobs import JobsService
from services.planning import PlanningService
from services.runs import RunsService
from tests.model.world import World, instant

DRAWN = {
    "planned": {"enqueued", "running", "cancelled"},
    "enqueued": {"running", "cancelled"},
    "running": {"succeeded", "failed", "timed_out", "unknown", "planned", "cancelled"},
}
"""The drawing of a run's life, once more by hand; "planned -> running" is a bell that outran its mark."""
BEGINNINGS = {"planned", "enqueued", "skipped"}
ACTIVE = set(DRAWN)
SCHEDULERS, WORKERS = 2, 3
STEPS = (1, 5, 11, 31, 46, 61, 130, 700, 7300)
EVERY = {"* * * * *": 1, "*/5 * * * *": 5, "0-59 0-23 * * *": 1}
"""The lines in use and how many minutes apart their due times are: simple enough to be counted without a library."""

which = st.integers(0, 999)


@dataclass
class Known:
    """What the test knows of a schedule: which due times passed while it was enabled, and so are owed a row."""

    id: int
    owner: int
    minutes: int
    enabled: bool = True
    deleted: bool = False
    owed: set[datetime] = field(default_factory=set)
    ahead: set[datetime] = field(default_factory=set)
    """Due times that got their row before they passed, at their owner's wish."""

    def pass_time(self, start: datetime, end: datetime) -> None:
        """The due times in (start, end] are owed, if it is enabled."""
        if not self.enabled or self.deleted:
            return
        due = start.replace(second=0, microsecond=0)
        while due <= end:
            if due > start and due.minute % self.minutes == 0:
                self.owed.add(due)
            due += timedelta(minutes=1)


@dataclass(frozen=True)
class Holding:
    """An attempt that a worker is at, or was at when it was stopped: it does not know which."""

    worker: int
    claimed: ClaimedRun


class LifeOfRuns(RuleBasedStateMachine):
    """Random sequences of everything that happens to runs."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.schedules: list[Known] = []
        self.bells: list[Bell] = []
        self.held: list[Holding] = []
        self.given_back: dict[int, int] = {}
        self.chance = random.Random(7)
        self.doing = ""

    @initialize()
    def begin(self) -> None:
        self.world.begin_anew()
        self.people = [self.world.person(number) for number in range(2)]

    # what people do

    @precondition(lambda self: len(self.schedules) < 4)
    @rule(
        who=st.integers(0, 1),
        line=st.sampled_from(sorted(EVERY)),
        overlap=st.sampled_from(("skip", "queue_one", "allow")),
        catch_up=st.sampled_from(("skip", "latest", "all")),
        repeatable=st.booleans(),
        retries=st.integers(0, 2),
        timeout=st.sampled_from((20, 120)),
    )
    def schedule(
        self, who: int, line: str, overlap: str, catch_up: str, repeatable: bool, retries: int, timeout: int
    ) -> None:
        proposal = Proposal(f"job {len(self.schedules)}", "report", {"symbol": "GOLD"}, Timing(line, "UTC"))
        options = {"overlap": overlap, "catch_up": catch_up, "repeatable": repeatable, "timeout_s": timeout}
        made = self._jobs(who).create(
            self.people[who], proposal, now=self.world.now, max_retries=retries if repeatable else 0, **options
        )
        self.schedules.append(Known(made.id, who, EVERY[line]))

    @precondition(lambda self: self.schedules)
    @rule(n=which)
    def pause(self, n: int) -> None:
        known = self._one(self.schedules, n)
        if self._refused(lambda: self._jobs(known.owner).pause(known.id)):
            return
        known.enabled = False

    @precondition(lambda self: self.schedules)
    @rule(n=which)
    def resume(self, n: int) -> None:
        known = self._one(self.schedules, n)
        if self._refused(lambda: self._jobs(known.owner).resume(known.id, now=self.world.now)):
            return
        known.enabled = True

    @precondition(lambda self: self.schedules)
    @rule(n=which)
    def delete(self, n: int) -> None:
        known = self._one(self.schedules, n)
        if not self._refused(lambda: self._jobs(known.owner).delete(known.id, now=self.world.now)):
            known.deleted = True

    @precondition(lambda self: self.schedules)
    @rule(n=which)
    def undelete(self, n: int) -> None:
        known = self._one(self.schedules, n)
        if not self._refused(lambda: self._jobs(known.owner).undelete(known.id, now=self.world.now)):
            known.deleted = False

    @precondition(lambda self: self.schedules)
    @rule(n=which)
    def skip_next(self, n: int) -> None:
        known, told = self._one(self.schedules, n), []
        if not self._refused(lambda: told.append(self._jobs(known.owner).skip_next(known.id)[1])):
            known.ahead.update(told)

    @precondition(lambda self: self.schedules)
    @rule(n=which)
    def run_now(self, n: int) -> None:
        known = self._one(self.schedules, n)
        self.world.step(timedelta(microseconds=1))  # people press at instants of their own
        self._refused(lambda: self._jobs(known.owner).run_now(known.id, now=self.world.now))

    @rule(n=which)
    def cancel(self, n: int) -> None:
        found = self.world.all("SELECT id, user_id FROM job_schedule_runs WHERE job_id IS NOT NULL ORDER BY id")
        if found:
            run = self._one(found, n)
            who = [person.id for person in self.people].index(run.user_id)
            self._refused(lambda: self._jobs(who).kill(run.id, "its owner", now=self.world.now))

    # what schedulers do

    @rule()
    def plan(self) -> None:
        self.bells += self._planning().plan_due_runs().bells

    @rule()
    def plan_all(self) -> None:
        while (planned := self._planning().plan_due_runs()).schedules:
            self.bells += planned.bells

    @rule()
    def ring(self) -> None:
        self.bells += self._planning().ring_waiting()

    @rule()
    def rescue(self) -> None:
        self._planning().rescue_stalled(chance=self.chance)

    @rule()
    def tell(self) -> None:
        self._planning().tell_late()
        self._planning().tell_missed()

    @rule()
    def both_schedulers_at_once(self) -> None:
        def work(number: int) -> list[Bell]:
            service = self._planning()
            service.rescue_stalled(chance=random.Random(number))
            return [*service.plan_due_runs().bells, *service.ring_waiting()]

        for bells in self._at_once([lambda n=n: work(n) for n in range(SCHEDULERS)]):  # type: ignore[misc]
            self.bells += bells

    # what becomes of bells

    @precondition(lambda self: self.bells)
    @rule(n=which)
    def lose_a_bell(self, n: int) -> None:
        self.bells.remove(self._one(self.bells, n))

    @rule()
    def empty_the_broker(self) -> None:
        self.bells.clear()

    @precondition(lambda self: self.bells)
    @rule(n=which)
    def double_a_bell(self, n: int) -> None:
        self.bells.append(self._one(self.bells, n))

    # what workers do

    @precondition(lambda self: self.bells)
    @rule(n=which, worker=st.integers(0, WORKERS - 1))
    def start(self, n: int, worker: int) -> None:
        bell = self._one(self.bells, n)
        self.bells.remove(bell)
        self._start(worker, [bell])

    @precondition(lambda self: self.bells)
    @rule(worker=st.integers(0, WORKERS - 1))
    def start_all(self, worker: int) -> None:
        bells, self.bells = list(dict.fromkeys(self.bells)), []
        self._start(worker, bells)

    @precondition(lambda self: self.bells)
    @rule(n=which)
    def all_workers_start_one_at_once(self, n: int) -> None:
        bell = self._one(self.bells, n)
        self.bells.remove(bell)
        asked = (bell.run_id, bell.attempt)
        claims = self._at_once(
            [lambda w=w: (w, self._runs().start_runs([asked], f"worker {w}")) for w in range(WORKERS)]  # type: ignore[misc]
        )
        self.held += [Holding(worker, run) for worker, claimed in claims for run in claimed.values()]

    @rule(worker=st.integers(0, WORKERS - 1))
    def heartbeat(self, worker: int) -> None:
        mine: dict[int, int] = {each.claimed.id: each.claimed.token for each in self.held if each.worker == worker}
        if mine:
            ours = {each.claimed.id for each in self.held if each.worker == worker and self._is_ours(each)}
            assert self._runs().keep_alive(mine) == {run for run in ours if self._token_of(run) == mine[run]}

    @precondition(lambda self: self.held)
    @rule(n=which)
    def finish(self, n: int) -> None:
        """Also late: whether the run is still its own, the worker does not know."""
        self._end(n, lambda run: self._runs().finish_run(run, self._outcome(run), now=self.world.now))

    @precondition(lambda self: len(self.held) > 1)
    @rule()
    def finish_all(self) -> None:
        ours = {each.claimed.id for each in self.held if self._is_ours(each)}
        ended = [(each.claimed, self._outcome(each.claimed), self._mark(each.claimed)) for each in self.held]
        newest = {claimed.id: (claimed, outcome, mark) for claimed, outcome, mark in ended}
        stored = self._runs().finish_runs(list(newest.values()), now=self.world.now)
        assert stored <= ours
        self.held = [each for each in self.held if newest[each.claimed.id][0] is not each.claimed]

    @precondition(lambda self: self.held)
    @rule(n=which, problem=st.sampled_from((RetryLater("later"), GiveUp("no"), ValueError("a bug"))))
    def fail(self, n: int, problem: Exception) -> None:
        self._end(
            n,
            lambda run: self._runs().fail_run(run, problem, reference="E-1", now=self.world.now, chance=self.chance),
        )

    @precondition(lambda self: self.held)
    @rule(n=which)
    def time_out(self, n: int) -> None:
        self._end(n, lambda run: self._runs().time_out_run(run, now=self.world.now, chance=self.chance))

    @precondition(lambda self: self.held)
    @rule(n=which)
    def hand_back(self, n: int) -> None:
        if not self._one(self.held, n).claimed.repeatable:
            return  # those a worker keeps
        run = self._end(n, lambda run: self._runs().hand_back(run, now=self.world.now))
        self.given_back[run.id] = self.given_back.get(run.id, 0) + 1

    @rule(worker=st.integers(0, WORKERS - 1))
    def die(self, worker: int) -> None:
        self.held = [each for each in self.held if each.worker != worker]

    @precondition(lambda self: self.held)
    @rule(n=which)
    def finish_while_it_is_rescued(self, n: int) -> None:
        each = self._one(self.held, n)
        self.held.remove(each)
        run = each.claimed
        self._at_once(
            [
                lambda: self._runs().finish_run(run, self._outcome(run), now=self.world.now),
                lambda: self._planning().rescue_stalled(chance=random.Random(1)),
            ]
        )

    # time

    @rule(seconds=st.sampled_from(STEPS))
    def pass_time(self, seconds: int) -> None:
        before = self.world.now
        self.world.step(timedelta(seconds=seconds))
        for known in self.schedules:
            known.pass_time(before, self.world.now)

    # what must hold

    @invariant()
    def every_change_is_drawn(self) -> None:
        for change in self.world.changes():
            was, became = change.was, change.became
            if was is None:
                assert became["status"] in BEGINNINGS, f"run {change.run_id} began as {became['status']}"
                continue
            _check_change(was, became, change.at)
        self._check_attempts()

    @invariant()
    def every_due_time_has_one_row(self) -> None:
        rows = self.world.all(
            "SELECT job_id, scheduled_for, covers_until FROM job_schedule_runs WHERE trigger IN ('cron', 'catch_up')"
        )
        cursors = dict(self.world.all("SELECT id, next_run_at FROM job_schedules"))
        for known in self.schedules:
            mine = [(row.scheduled_for, row.covers_until) for row in rows if row.job_id == known.id]
            covered = _covered(mine, known)
            assert len(covered) == len(set(covered)), f"a due time of schedule {known.id} has two rows"
            cursor = cursors[known.id]
            owed = {due for due in known.owed if cursor is None or due < cursor}
            assert owed <= set(covered), f"schedule {known.id} lost {sorted(owed - set(covered))}"
            assert set(covered) <= known.owed | known.ahead, f"schedule {known.id} was never due at that time"

    @invariant()
    def nobody_holds_what_another_holds(self) -> None:
        tokens = [(each.claimed.id, each.claimed.token) for each in self.held]
        assert len(tokens) == len(set(tokens)), "two workers hold a run by the same token"

    @invariant()
    def runs_of_one_schedule_keep_their_rule(self) -> None:
        crowded = self.world.all(
            "SELECT job_id FROM job_schedule_runs WHERE overlap = 'skip' "
            "AND status IN ('planned', 'enqueued', 'running') GROUP BY job_id HAVING count(*) > 1"
            " UNION ALL SELECT job_id FROM job_schedule_runs WHERE overlap IN ('queue_one', 'in_turn') "
            "AND status = 'running' GROUP BY job_id HAVING count(*) > 1"
        )
        assert not crowded, f"runs of schedules {crowded} go side by side"

    @invariant()
    def nobody_has_more_going_than_allowed(self) -> None:
        busy = self.world.all(
            "SELECT user_id, count(*) FROM job_schedule_runs WHERE status IN ('enqueued', 'running') "
            "GROUP BY user_id HAVING count(*) > 2"
        )
        assert not busy, f"(person, runs): {busy}"

    @invariant()
    def a_result_and_its_message_are_one(self) -> None:
        wrong = self.world.all(
            "SELECT r.id, r.status, count(m.id) FROM job_schedule_runs r "
            "LEFT JOIN msg_messages m ON m.run_id = r.id AND m.category = 'report' GROUP BY r.id, r.status, r.result "
            "HAVING count(m.id) <> CASE WHEN r.status = 'succeeded' THEN 1 ELSE 0 END "
            "OR (r.status = 'succeeded' AND min(m.payload ->> 'text') IS DISTINCT FROM r.result ->> 'mark')"
        )
        assert not wrong, f"(run, status, messages): {wrong}"

    def teardown(self) -> None:
        """Left in peace, everything comes to its end."""
        if not self.schedules:
            return
        for known in self.schedules:
            self._refused(lambda known=known: self._jobs(known.owner).delete(known.id, now=self.world.now))  # type: ignore[misc]
        self.held.clear()
        self.bells.clear()
        left: Any = None
        for _ in range(60):
            self._planning().rescue_stalled(chance=self.chance)
            self.bells += self._planning().ring_waiting()
            if self.bells:
                self.start_all(0)
                self.held = [each for each in self.held if not self._runs().finish_run(
                    each.claimed, self._outcome(each.claimed), now=self.world.now)]  # fmt: skip
            left = self.world.all("SELECT id, status FROM job_schedule_runs WHERE status = ANY(:a)", a=sorted(ACTIVE))
            if not left:
                return
            self.world.step(timedelta(seconds=61))
        raise AssertionError(f"these runs never end: {left}")

    # in between

    def _jobs(self, who: int) -> JobsService:
        return JobsService(self.world.database.for_user(self.people[who].id))

    def _planning(self) -> PlanningService:
        return PlanningService(self.world.database.for_platform())

    def _runs(self) -> RunsService:
        return RunsService(self.world.database.for_platform())

    def _one(self, things: Any, n: int) -> Any:
        return things[n % len(things)]

    def _refused(self, work: Callable[[], object]) -> bool:
        """Whether it was refused with a sentence."""
        try:
            work()
        except OpenbellError:
            return True
        return False

    def _at_once(self, works: Iterable[Callable[[], Any]]) -> list[Any]:
        with ThreadPoolExecutor(4) as pool:
            return [each.result() for each in [pool.submit(work) for work in works]]

    def _start(self, worker: int, bells: list[Bell]) -> None:
        claimed = self._runs().start_runs([(bell.run_id, bell.attempt) for bell in bells], f"worker {worker}")
        self.held += [Holding(worker, run) for run in claimed.values()]

    def _end(self, n: int, write: Callable[[ClaimedRun], bool]) -> ClaimedRun:
        """A worker writes the end of what it holds; it is stored if, and only if, the run is still its own."""
        each = self._one(self.held, n)
        self.held.remove(each)
        ours = self._is_ours(each)
        stored = write(each.claimed)
        assert stored == ours, f"run {each.claimed.id}: written {stored}, by its holder {ours}"
        claimed: ClaimedRun = each.claimed
        return claimed

    def _is_ours(self, each: Holding) -> bool:
        [row] = self.world.all("SELECT status, token FROM job_schedule_runs WHERE id = :id", id=each.claimed.id)
        return bool(row.status == "running" and row.token == each.claimed.token)

    def _token_of(self, run_id: int) -> int:
        return int(self.world.all("SELECT token FROM job_schedule_runs WHERE id = :id", id=run_id)[0].token)

    def _outcome(self, run: ClaimedRun) -> Outcome:
        mark = f"{run.id} by {run.token}"
        assert run.user_id is not None
        return Outcome({"mark": mark}, (Outgoing(Category.REPORT, run.user_id, text=mark),))

    def _mark(self, run: ClaimedRun) -> str:
        return f'{{"mark": "{run.id} by {run.token}"}}'

    def _check_attempts(self) -> None:
        rows = self.world.all(
            "SELECT id, attempt, (job_snapshot ->> 'max_retries')::int + 1 AS most, "
            "(job_snapshot ->> 'repeatable')::boolean AS repeatable FROM job_schedule_runs WHERE attempt > 1"
        )
        for row in rows:
            most = row.most + self.given_back.get(row.id, 0)
            assert row.attempt <= most, f"run {row.id} is at its attempt {row.attempt} of {most}"


def _check_change(was: dict[str, Any], became: dict[str, Any], at: datetime) -> None:
    """One UPDATE of a run: drawn, fenced, and nothing of a final row touched."""
    before, after = was["status"], became["status"]
    what = f"run {was['id']}: {before} -> {after}, token {was['token']} -> {became['token']}"
    assert became["token"] >= was["token"], what
    assert became["attempt"] >= was["attempt"], what
    if before != after:
        assert after in DRAWN.get(before, set()), f"not drawn: {what}"
    if before not in ACTIVE:
        changed = {name for name in was if was[name] != became[name]}
        assert changed <= {"notice", "late_told"}, f"a final run was written to: {what}, {changed}"
    if before == after == "running":
        assert became["token"] == was["token"], f"started while it ran: {what}"
    if after == "running" and before != "running":
        assert (became["token"], became["attempt"]) == (was["token"] + 1, was["attempt"] + 1), what
    lost = became.get("error") == "its worker stopped answering" and before == "running"
    lease = instant(was, "lease_until")
    assert not lost or (lease is not None and lease < at), f"taken from a worker whose lease stands: {what}"


def _covered(rows: list[tuple[datetime, datetime | None]], known: Known) -> list[datetime]:
    found = []
    for start, until in rows:
        found.append(start)
        due = start + timedelta(minutes=1)
        while until is not None and due <= until:
            if due.minute % known.minutes == 0:
                found.append(due)
            due += timedelta(minutes=1)
    return found
