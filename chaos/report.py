"""What a run showed: the faults, the figures and the proofs, for people and as JSON."""

import statistics
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chaos.faults import Injected
from chaos.house import House
from chaos.proofs import MOST_SHOWN, Proof
from chaos.script import KINDS


@dataclass(frozen=True)
class Report:
    """One run."""

    seed: int
    minutes: float
    injected: list[Injected]
    missing: list[str]
    proofs: list[Proof]
    figures: dict[str, Any]
    ends: dict[str, list[str]]
    quiet_after_s: float

    @property
    def passed(self) -> bool:
        return not self.missing and bool(self.injected) and not any(proof.broken for proof in self.proofs)

    def as_dict(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "seed": self.seed,
            "minutes": self.minutes,
            "faults": [
                {"at_s": round(each.at_s, 1), "kind": each.planned.kind, "target": each.target, "proof": each.proof}
                for each in self.injected
            ],
            "not_injected": self.missing,
            "figures": self.figures,
            "processes": self.ends,
            "quiet_after_s": round(self.quiet_after_s, 1),
            "proofs": [vars(proof) for proof in self.proofs],
        }


def figures(house: House, cutoff: datetime) -> dict[str, Any]:
    """Counts of what happened, and how late runs started."""
    with house.superuser() as cursor:

        def counts(question: str) -> dict[str, int]:
            cursor.execute(question, {"cutoff": cutoff})
            return {str(name): int(number) for name, number in cursor.fetchall()}

        of_runs = "FROM job_schedule_runs WHERE job_id IS NOT NULL AND scheduled_for <= %(cutoff)s"
        cursor.execute("SELECT count(*) FROM chaos.expected")
        due = cursor.fetchone()[0]
        cursor.execute(
            f"SELECT extract(epoch FROM started_at - not_before) {of_runs} AND attempt = 1 AND started_at IS NOT NULL",  # noqa: S608  # made of constants
            {"cutoff": cutoff},
        )
        late = sorted(float(row[0]) for row in cursor.fetchall())
        return {
            "due_times": int(due),
            "runs": counts(f"SELECT status, count(*) {of_runs} GROUP BY 1 ORDER BY 2 DESC"),
            "skipped": counts(f"SELECT skip_reason, count(*) {of_runs} AND status = 'skipped' GROUP BY 1"),
            "attempts": counts(f"SELECT attempt, count(*) {of_runs} AND attempt > 0 GROUP BY 1 ORDER BY 1"),
            "unusual": counts(
                "SELECT event ->> 'what', count(*) FROM job_schedule_runs, jsonb_array_elements(events) AS event "
                "WHERE scheduled_for <= %(cutoff)s GROUP BY 1 ORDER BY 2 DESC"
            ),
            "effects": counts("SELECT 'all', count(*) FROM chaos.effects"),
            "deliveries": counts("SELECT status, count(*) FROM msg_delivery_status GROUP BY 1 ORDER BY 2 DESC"),
            "possible_repeats": counts("SELECT 'all', count(*) FROM msg_delivery_status WHERE possible_repeat"),
            "messages": counts("SELECT coalesce(template, category), count(*) FROM msg_messages GROUP BY 1"),
            "steps": counts(
                "SELECT coalesce(was, 'new') || ' -> ' || became, count(*) FROM chaos.trail "
                "WHERE was IS DISTINCT FROM became GROUP BY 1 ORDER BY 2 DESC"
            ),
            "start_after_s": _spread(late),
        }


def _spread(seconds: list[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {
        "p50": round(cuts[49], 3),
        "p90": round(cuts[89], 2),
        "p99": round(cuts[98], 1),
        "max": round(seconds[-1], 1),
    }


def lines(report: Report) -> list[str]:
    """The report for people."""
    kinds = Counter(each.planned.kind for each in report.injected)
    out = [f"seed {report.seed}, {report.minutes:g} minutes, {len(report.injected)} faults, each seen to happen"]
    out += [f"  {kinds[kind]:4} x {kind}" for kind in KINDS if kinds[kind]]
    out += [f"  NOT INJECTED  {text}" for text in report.missing]
    out.append("processes")
    for name, ends in report.ends.items():
        told = ", ".join(f"{number} x {end}" for end, number in Counter(ends).items()) or "never ended"
        out.append(f"  {name:11} {told}")
    out.append(f"figures ({report.quiet_after_s:.0f} s after the last fault everything was over)")
    for name, value in report.figures.items():
        shown = ", ".join(f"{key} {number}" for key, number in value.items()) if isinstance(value, dict) else value
        out.append(f"  {name:17} {shown}")
    out.append("proofs")
    for proof in report.proofs:
        out.append(f"  {'FAIL' if proof.broken else 'ok  '}  {proof.promise} ({proof.looked_at})")
        out += [f"          {' '.join(str(value) for value in row)}" for row in proof.broken[:MOST_SHOWN]]
        if len(proof.broken) > MOST_SHOWN:
            out.append(f"          and {len(proof.broken) - MOST_SHOWN} more")
    out.append("every promise was kept" if report.passed else "A PROMISE WAS BROKEN, or a fault did not happen")
    return out
