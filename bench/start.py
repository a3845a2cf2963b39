"""Start: from the due time to the first line of the job, with a scheduler and a worker that are idle otherwise."""

import contextlib
from dataclasses import dataclass

from bench import peer_dramatiq, peer_procrastinate, rows
from bench.house import House, share_of_a_core, until
from bench.table import Section, percentile

LATENESS = """
SELECT extract(epoch FROM started_at - scheduled_for) FROM job_schedule_runs WHERE status = 'succeeded'
ORDER BY scheduled_for, id
"""


@dataclass(frozen=True)
class Size:
    """For how long one a second is due in each round, how many come at one instant, and how often."""

    seconds: int
    burst: int
    rounds: int
    idle_s: float


FULL = Size(20, 1000, 5, 15)
QUICK = Size(3, 50, 1, 2)


def measure(house: House, size: Size) -> Section:
    """Milliseconds of lateness: one run a second, many at one instant; and what an idle worker costs."""
    section = Section("Start: from the due time to the start of the job, idle scheduler and worker")
    rows.fill(house, max(2 * size.burst, 1000))
    with house.scheduler(), house.workers() as (worker,):
        rounds = [one_a_second(house, size.seconds) for _ in range(size.rounds)]
        bursts = [at_one_instant(house, size.burst) for _ in range(size.rounds)]
        rows.clear(house)
        idle = share_of_a_core(worker.pid, size.idle_s) * 100
    p50 = section.add("one a second, p50", "ms", [percentile(each, 0.5) * 1000 for each in rounds])
    p99 = section.add("one a second, p99", "ms", [percentile(each, 0.99) * 1000 for each in rounds])
    for share in (0.5, 0.99):
        name = f"{size.burst:,} at one instant, p{share * 100:.0f}"
        section.add(name, "ms", [percentile(each, share) * 1000 for each in bursts])
    section.add("idle worker: processor", "% of a core", [idle])
    for name, peer in (("Dramatiq as it comes", peer_dramatiq), ("procrastinate", peer_procrastinate)):
        found = peer.pick_up(house, size.seconds)
        note = "from sending; it schedules nothing"
        section.add(f"{name}, one a second, p50", "ms", [percentile(found, 0.5) * 1000], note)
        section.add(f"{name}, one a second, p99", "ms", [percentile(found, 0.99) * 1000], note)
    section.expect("p50 under 15 ms", f"{p50.median:.1f} ms", p50.median < 15)
    section.expect("p99 under 60 ms", f"{p99.median:.1f} ms", p99.median < 60)
    section.expect("an idle worker under 1 % of a core", f"{idle:.2f} %", idle < 1)
    return section


def one_a_second(house: House, seconds: int) -> list[float]:
    """Lateness of as many runs, one of them due each second."""
    rows.clear(house)
    rows.let_follow(house, seconds)
    return _lateness(house, seconds, seconds + 30)


def at_one_instant(house: House, count: int) -> list[float]:
    """Lateness of as many runs, all due at once."""
    rows.clear(house)
    rows.let_be_due(house, count, count)
    return _lateness(house, count, 90)


def _lateness(house: House, count: int, within: float) -> list[float]:
    connection = house.master()
    with contextlib.closing(connection), connection.cursor() as cursor:

        def found() -> list[float]:
            cursor.execute(LATENESS)
            return [float(row[0]) for row in cursor.fetchall()]

        until(lambda: len(found()) >= count, within, "not all runs came to their end", every=0.5)
        return found()
