"""Two schedulers, three workers and two people, who do everything that they may do, in any order, on a real database.

Each rule is one transaction of the product's own services, or something that goes wrong between two of them. After each
the database is looked at: what must hold is written here in words of its own, not in those of the code under test.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
SCHEDULERS, WORKERS, MOST_SCHEDULES = 2, 3, 4
STEPS = (1, 5, 11, 31, 46, 61, 130, 700, 7300)
EVERY = {"* * * * *": 1, "*/5 * * * *": 5, "0-59 0-23 * * *": 1}
"""The lines in use and how many minutes apart their due times are: simple enough to be counted without a library."""

MOST_AT_ONCE = 2
LONGEST_WITHOUT_AN_END = 30
"""Minutes left in peace in which no run comes to its end: longer than every lease, limit and back-off."""
RUNS = """
SELECT r.id, r.job_id, r.user_id, r.status, r.trigger, r.overlap, r.attempt, r.scheduled_for, r.covers_until,
    r.result ->> 'mark' AS mark,
    1 + CASE WHEN (r.job_snapshot ->> 'repeatable')::boolean THEN (r.job_snapshot ->> 'max_retries')::int ELSE 0 END
        AS most,
    array_remove(array_agg(m.payload ->> 'text'), NULL) AS messages
FROM job_schedule_runs r LEFT JOIN msg_messages m ON m.run_id = r.id AND m.category = 'report'
GROUP BY r.id, r.scheduled_for
"""

which = st.integers(0, 999)
wishes = st.fixed_dictionaries(
    {
        "who": st.integers(0, 1),
        "line": st.sampled_from(sorted(EVERY)),
        "overlap": st.sampled_from(("skip", "queue_one", "allow")),
        "catch_up": st.sampled_from(("skip", "latest", "all")),
        "repeatable": st.sampled_from((True, True, False)),
        "retries": st.sampled_from((0, 1, 2, 2)),
        "timeout": st.sampled_from((20, 120, 120)),
    }
)


WISHES = ("pause", "resume", "pause_until", "undelete", "delete", "skip_next", "run_now", "cancel")
"""What people do with schedules and runs."""


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
    held_until: datetime | None = None
    """Until then it is paused, and goes on by itself."""

    def pass_time(self, start: datetime, end: datetime) -> None:
        """The due times in (start, end] are owed, if it is enabled and its pause is over by then."""
        if not self.enabled or self.deleted:
            return
        due = start.replace(second=0, microsecond=0)
        while due <= end:
            held = self.held_until is not None and due < self.held_until
            if due > start and due.minute % self.minutes == 0 and not held:
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
        self.leaders = 1
        """How many schedulers ever worked at the same moment, each of which may give a person room for two."""
        self.moved = False
        """Whether a cursor, the clock or a schedule may have changed without a run."""

    @initialize(first=wishes, second=wishes)
    def begin(self, first: dict[str, Any], second: dict[str, Any]) -> None:
        self.world.begin_anew()
        self.people = [self.world.person(number) for number in range(2)]
        for wanted in (first, second):
            self.schedule(wanted)

    # what people do

    @precondition(lambda self: len(self.schedules) < MOST_SCHEDULES)
    @rule(wanted=wishes)
    def another_schedule(self, wanted: dict[str, Any]) -> None:
        self.schedule(wanted)

    @rule(what=st.sampled_from(WISHES), n=which)
    def a_person_acts(self, what: str, n: int) -> None:
        getattr(self, what)(n)

    def schedule(self, wanted: dict[str, Any]) -> None:
        self.moved = True
        who, again = wanted["who"], wanted["repeatable"]
        timing = Timing(wanted["line"], "UTC")
        proposal = Proposal(f"job {len(self.schedules)}", "report", {"symbol": "GOLD"}, timing)
        options = {name: wanted[name] for name in ("overlap", "catch_up", "repeatable")}
        options |= {"timeout_s": wanted["timeout"], "max_retries": wanted["retries"] if again else 0}
        made = self._jobs(who).create(self.people[who], proposal, now=self.world.now, **options)
        self.schedules.append(Known(made.id, who, EVERY[wanted["line"]]))

    def pause(self, n: int) -> None:
        self.moved = True
        known = self._one(self.schedules, n)
        if self._refused(lambda: self._jobs(known.owner).pause(known.id)):
            return
        known.enabled, known.held_until = False, None

    def pause_until(self, n: int) -> None:
        """Up to half an hour, on a due time or between two."""
        self.moved = True
        known, until = self._one(self.schedules, n), self.world.now + timedelta(seconds=20 * (1 + n % 90))
        if self._refused(lambda: self._jobs(known.owner).pause(known.id, until)):
            return
        known.enabled, known.held_until = True, until

    def resume(self, n: int) -> None:
        self.moved = True
        known = self._one(self.schedules, n)
        if self._refused(lambda: self._jobs(known.owner).resume(known.id, now=self.world.now)):
            return
        if not known.enabled or (known.held_until is not None and known.held_until > self.world.now):
            known.enabled, known.held_until = True, None

    def delete(self, n: int) -> None:
        self.moved = True
        known = self._one(self.schedules, n)
        if not self._refused(lambda: self._jobs(known.owner).delete(known.id, now=self.world.now)):
            known.deleted = True

    def undelete(self, n: int) -> None:
        self.moved = True
        known = self._one(self.schedules, n)
        if not self._refused(lambda: self._jobs(known.owner).undelete(known.id, now=self.world.now)):
            known.deleted = False

    def skip_next(self, n: int) -> None:
        self.moved = True
        known, told = self._one(self.schedules, n), []
        if not self._refused(lambda: told.append(self._jobs(known.owner).skip_next(known.id)[1])):
            known.ahead.update(told)

    def run_now(self, n: int) -> None:
        known = self._one(self.schedules, n)
        self.world.step(timedelta(microseconds=1))  # people press at instants of their own
        self._refused(lambda: self._jobs(known.owner).run_now(known.id, now=self.world.now))

    def cancel(self, n: int) -> None:
        found = self.world.all("SELECT id, user_id FROM job_schedule_runs WHERE job_id IS NOT NULL ORDER BY id")
        if found:
            run = self._one(found, n)
            who = [person.id for person in self.people].index(run.user_id)
            self._refused(lambda: self._jobs(who).kill(run.id, "its owner", now=self.world.now))

    # what schedulers do

    @rule()
    def plan(self) -> None:
        self.moved = True
        self.bells += self._planning().plan_due_runs().bells

    def plan_all(self) -> None:
        self.moved = True
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

    def both_schedulers_at_once(self) -> None:
        def work(number: int) -> list[Bell]:
            service = self._planning()
            service.rescue_stalled(chance=random.Random(number))
            return [*service.plan_due_runs().bells, *service.ring_waiting()]

        self.leaders = SCHEDULERS
        for bells in self._at_once([lambda n=n: work(n) for n in range(SCHEDULERS)]):  # type: ignore[misc]
            self.bells += bells

    # what becomes of bells

    @precondition(lambda self: self.bells)
    @rule(what=st.sampled_from(("lose_a_bell", "empty_the_broker", "double_a_bell")), n=which)
    def bells_go_astray(self, what: str, n: int) -> None:
        getattr(self, what)(n)

    def lose_a_bell(self, n: int) -> None:
        self.bells.remove(self._one(self.bells, n))

    def empty_the_broker(self, _: int) -> None:
        self.bells.clear()

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
    @rule(n=which, worker=st.integers(0, WORKERS - 1))
    def a_bell_comes_twice(self, n: int, worker: int) -> None:
        self.double_a_bell(n)
        bell = self.bells.pop()
        self._start(worker, [bell])
        self.the_promises_hold()
        self._start((worker + 1) % WORKERS, [bell])

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
    @rule(what=st.sampled_from(("finish", "finish", "finish_all", "fail", "time_out", "hand_back")), n=which)
    def a_worker_ends_its_work(self, what: str, n: int) -> None:
        getattr(self, what)(n)

    def finish(self, n: int) -> None:
        """Also late: whether the run is still its own, the worker does not know."""
        self._end(n, lambda run: self._runs().finish_run(run, self._outcome(run), now=self.world.now))

    def finish_all(self, _: int) -> None:
        ours = {each.claimed.id for each in self.held if self._is_ours(each)}
        ended = [(each.claimed, self._outcome(each.claimed), self._mark(each.claimed)) for each in self.held]
        newest = {claimed.id: (claimed, outcome, mark) for claimed, outcome, mark in ended}
        stored = self._runs().finish_runs(list(newest.values()), now=self.world.now)
        assert stored <= ours
        self.held = [each for each in self.held if newest[each.claimed.id][0] is not each.claimed]

    def fail(self, n: int) -> None:
        problem = (RetryLater("later"), GiveUp("no"), ValueError("a bug"))[n % 3]
        self._end(
            n,
            lambda run: self._runs().fail_run(run, problem, reference="E-1", now=self.world.now, chance=self.chance),
        )

    def time_out(self, n: int) -> None:
        self._end(n, lambda run: self._runs().time_out_run(run, now=self.world.now, chance=self.chance))

    def hand_back(self, n: int) -> None:
        if not self._one(self.held, n).claimed.repeatable:
            return  # those a worker keeps
        run = self._end(n, lambda run: self._runs().hand_back(run, now=self.world.now))
        self.given_back[run.id] = self.given_back.get(run.id, 0) + 1

    @rule(worker=st.integers(0, WORKERS - 1))
    def die(self, worker: int) -> None:
        self.held = [each for each in self.held if each.worker != worker]

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
        self.moved = True
        before = self.world.now
        self.world.step(timedelta(seconds=seconds))
        for known in self.schedules:
            known.pass_time(before, self.world.now)

    # what often comes one after the other

    @precondition(lambda self: self.schedules)
    @rule(minutes=st.integers(1, 3), worker=st.integers(0, WORKERS - 1))
    def an_ordinary_minute(self, minutes: int, worker: int) -> None:
        self.pass_time(60 * minutes)
        self.plan_all()
        self.ring()
        self.start_all(worker)

    @precondition(lambda self: self.held)
    @rule(worker=st.integers(0, WORKERS - 1), then=st.sampled_from(("", "finish", "fail", "time_out")))
    def everyone_is_taken_for_dead_while_stopped(self, worker: int, then: str) -> None:
        """Another worker gets all that they hold; they go on and end it, at once or at any later step."""
        stopped = list(self.held)
        self.pass_time(46)
        self.rescue()
        self.ring()
        self.start_all(worker)
        for each in stopped if then else ():
            getattr(self, then)(self.held.index(each))

    # what must hold

    @invariant()
    def the_promises_hold(self) -> None:
        """Look at everything, where anything can have changed since the last look."""
        changes = self.world.changes()
        for change in changes:
            if change.was is None:
                assert change.became["status"] in BEGINNINGS, f"run {change.run_id} began as {change.became['status']}"
            else:
                _check_change(change.was, change.became, change.at)
        tokens = [(each.claimed.id, each.claimed.token) for each in self.held]
        assert len(tokens) == len(set(tokens)), "two workers hold a run by the same token"
        if changes or self.moved:
            runs = self.world.all(RUNS)
            self._check_attempts(runs)
            self._check_neighbours(runs)
            self._check_due_times(runs)
            self.moved = False

    def _check_attempts(self, runs: Sequence[Any]) -> None:
        """As many as the schedule allows; and the message of the attempt that stored the result, and no other."""
        for run in runs:
            most = run.most + self.given_back.get(run.id, 0)
            assert run.attempt <= most, f"run {run.id} is at its attempt {run.attempt} of {most}"
            expected = [run.mark] if run.status == "succeeded" else []
            assert run.messages == expected, f"run {run.id} is {run.status} with the messages {run.messages}"

    def _check_neighbours(self, runs: Sequence[Any]) -> None:
        """How many runs of one schedule, and of one person, go side by side."""
        alone = Counter(run.job_id for run in runs if run.overlap == "skip" and run.status in ACTIVE)
        in_turn = Counter(r.job_id for r in runs if r.overlap in ("queue_one", "in_turn") and r.status == "running")
        crowded = [job for job, number in [*alone.items(), *in_turn.items()] if number > 1]
        assert not crowded, f"runs of the schedules {crowded} go side by side"
        busy = Counter(run.user_id for run in runs if run.status in ("enqueued", "running"))
        most = MOST_AT_ONCE * self.leaders
        assert all(number <= most for number in busy.values()), f"one person has too many going: {busy}"

    def _check_due_times(self, runs: Sequence[Any]) -> None:
        """Each due time that passed while its schedule was enabled has one row, and nothing else has."""
        rows_now = self.world.all("SELECT id, next_run_at, paused_reason FROM job_schedules")
        cursors = {row.id: row.next_run_at for row in rows_now}
        paused = {row.id for row in rows_now if row.paused_reason is not None}
        for known in self.schedules:
            rows = [
                (run.scheduled_for, run.covers_until)
                for run in runs
                if run.job_id == known.id and run.trigger in ("cron", "catch_up")
            ]
            covered = _covered(rows, known)
            assert len(covered) == len(set(covered)), f"a due time of schedule {known.id} has two rows"
            cursor = cursors[known.id]
            owed = {due for due in known.owed if cursor is None or due < cursor}
            assert owed <= set(covered), f"schedule {known.id} lost {sorted(owed - set(covered))}"
            known.enabled = known.enabled and known.id not in paused  # by itself, after ten failures
            assert set(covered) <= known.owed | known.ahead, f"schedule {known.id} was never due at that time"

    def teardown(self) -> None:
        """Left in peace, everything comes to its end."""
        if not self.schedules:
            return
        for known in self.schedules:
            self._refused(lambda known=known: self._jobs(known.owner).delete(known.id, now=self.world.now))  # type: ignore[misc]
        self.held.clear()
        self.bells.clear()
        left: Any = None
        fewest, rounds = 10**6, 0
        while rounds < LONGEST_WITHOUT_AN_END:
            rounds += 1
            self._planning().rescue_stalled(chance=self.chance)
            self.bells += self._planning().ring_waiting()
            if self.bells:
                self.start_all(0)
                self.held = [each for each in self.held if not self._runs().finish_run(
                    each.claimed, self._outcome(each.claimed), now=self.world.now)]  # fmt: skip
            left = self.world.all("SELECT id, status FROM job_schedule_runs WHERE status = ANY(:a)", a=sorted(ACTIVE))
            if not left:
                return
            if len(left) < fewest:
                fewest, rounds = len(left), 0
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


def wander(machine: LifeOfRuns, chance: random.Random, steps: int, *, at_once: bool) -> None:
    """A random walk through the same rules, with the more telling ones more often; `at_once` lets some overlap in time.

    What happens between threads is not the same each time, so those steps have no place in what hypothesis repeats.
    """
    wish = {"who": 0, "line": "* * * * *", "overlap": "allow", "catch_up": "all", "repeatable": True}
    wishes = [
        wish | {"retries": 2, "timeout": 120},
        wish | {"retries": 0, "timeout": 20, "repeatable": False, "who": 1},
    ]
    machine.begin(*(each | {"overlap": chance.choice(("skip", "queue_one", "allow"))} for each in wishes))
    for _ in range(steps):
        chance.choice(_moves(machine, chance, at_once))()
        machine.the_promises_hold()
    machine.teardown()


def _moves(machine: LifeOfRuns, chance: random.Random, at_once: bool) -> list[Callable[[], None]]:
    n, worker = chance.randrange(1000), chance.randrange(WORKERS)
    person = chance.choice(WISHES)
    astray = chance.choice(("lose_a_bell", "empty_the_broker", "double_a_bell"))
    ending = chance.choice(("finish", "finish", "finish_all", "fail", "time_out", "hand_back"))
    then = chance.choice(("", "finish", "fail", "time_out"))
    moves: list[Callable[[], None]] = [
        *[lambda: machine.an_ordinary_minute(chance.randint(1, 3), worker)] * 4,
        lambda: machine.pass_time(chance.choice(STEPS)),
        lambda: machine.a_person_acts(person, n),
        lambda: machine.heartbeat(worker),
        lambda: machine.die(worker),
        machine.plan, machine.ring, machine.rescue, machine.tell,
    ]  # fmt: skip
    if machine.bells:
        moves += [lambda: machine.start(n, worker), lambda: machine.bells_go_astray(astray, n)]
        moves += [lambda: machine.a_bell_comes_twice(n, worker)] * 3
    if machine.held:
        moves += [lambda: machine.everyone_is_taken_for_dead_while_stopped(worker, then)] * 3
        moves += [lambda: machine.a_worker_ends_its_work(ending, n)] * 3
    if at_once:
        moves += [machine.both_schedulers_at_once] * 3
        moves += [lambda: machine.all_workers_start_one_at_once(n)] * 3 if machine.bells else []
        moves += [lambda: machine.finish_while_it_is_rescued(n)] * 2 if machine.held else []
    return moves


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
    lost = before == "running" != after and became["error"] == "its worker stopped answering"
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
