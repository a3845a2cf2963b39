"""`make chaos`: let the house work under faults for some minutes, then prove that it kept its promises."""

# ruff: noqa: T201 - a command's output

import argparse
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import structlog

from chaos import script
from chaos.faults import Faults, Injected, NotNow
from chaos.fleet import NotInjected
from chaos.house import House
from chaos.proofs import Proof, prove, unfinished, write_expected
from chaos.report import Report, figures, lines

LOOK_EVERY_S = 0.1
PUT_OFF_S = 2.0
QUIET_WITHIN_S = 420.0
"""Two leases one after the other and the longest back-off between, with room for a slow machine."""


def main() -> int:
    """Run once; 0 when every promise was kept and every fault happened."""
    asked = _arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    seed = asked.seed if asked.seed is not None else secrets.randbelow(10**6)
    print(f"chaos for {asked.minutes:g} minutes, seed {seed} (repeat with SEED={seed})", flush=True)
    folder = Path(asked.keep or tempfile.mkdtemp(prefix="openbell-chaos-")).absolute()
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)  # under root the database server is another account and passes through
    house = House(folder, seed)
    try:
        report = run(house, seed, asked.minutes)
    finally:
        house.close()
    print("\n".join(lines(report)), flush=True)
    if asked.report:
        Path(asked.report).write_text(json.dumps(report.as_dict(), indent=1, default=str) + "\n", encoding="utf-8")
    if report.passed and not asked.keep:
        shutil.rmtree(folder)
    else:
        print(f"logs and data are in {folder}")
    return 0 if report.passed else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2, help="how long faults are injected")
    parser.add_argument("--seed", type=int, help="repeats a run; default: a new one")
    parser.add_argument("--report", help="write everything as JSON into this file")
    parser.add_argument("--keep", help="work in this folder and leave it there")
    return parser.parse_args()


def run(house: House, seed: int, minutes: float) -> Report:
    """The faults of this seed, then quiet, then the proofs."""
    began = time.monotonic()
    house.open(script.schedules(seed), script.PEOPLE)
    _say(f"{script.SCHEDULES} schedules, {len(house.fleet.members)} processes ready after", time.monotonic() - began)
    injected, missing = _faults(house, script.faults(seed, minutes), minutes * 60)
    cutoff = house.now()
    _say(f"{len(injected)} faults injected; quiet from now on", 0)
    quiet = time.monotonic()
    done = _until_done(house, cutoff)
    took = time.monotonic() - quiet
    _say("everything came to its end after" if done else "not everything came to its end within", took)
    expected = write_expected(house, cutoff)
    proofs = prove(house, cutoff)
    if expected == 0:
        proofs.append(Proof("there was something to prove", 0, [("no due time fell into this run",)]))
    return Report(seed, minutes, injected, missing, proofs, figures(house, cutoff), _ends(house), took)


def _faults(house: House, planned: list[script.PlannedFault], seconds: float) -> tuple[list[Injected], list[str]]:
    """Inject what is planned at its moment, end what lasts, and start again what has died."""
    faults, began = Faults(house), time.monotonic()
    waiting = [(began + fault.at_s, fault) for fault in planned]
    injected: list[Injected] = []
    missing: list[str] = []
    while waiting or any(each.end for each in injected) or time.monotonic() < began + seconds:
        now = time.monotonic()
        house.fleet.look_after()
        for each in injected:
            if each.end and now >= each.ends_at:
                _end(each, missing)
        if waiting and now >= waiting[0][0]:
            _, fault = waiting.pop(0)
            try:
                injected.append(faults.inject(fault, now - began))
                _say(f"{fault.kind}: {injected[-1].target}, {injected[-1].proof}; at", now - began)
            except NotNow:
                waiting = sorted([*waiting, (now + PUT_OFF_S, fault)], key=lambda pair: pair[0])
            except NotInjected as problem:
                missing.append(f"{fault.kind}: {problem}")
        time.sleep(LOOK_EVERY_S)
    return injected, missing


def _end(each: Injected, missing: list[str]) -> None:
    end, each.end = each.end, None
    try:
        each.proof += f"; {end()}" if end else ""
    except NotInjected as problem:
        missing.append(f"{each.planned.kind}: {problem}")


def _until_done(house: House, cutoff: datetime) -> bool:
    """Whether all that was due came to its end in time, with every process at work again."""
    deadline = time.monotonic() + QUIET_WITHIN_S
    while unfinished(house, cutoff):
        if time.monotonic() > deadline:
            return False
        house.fleet.look_after()
        time.sleep(0.5)
    return True


def _ends(house: House) -> dict[str, list[str]]:
    return {member.name: member.ends for member in house.fleet.members}


def _say(text: str, seconds: float) -> None:
    print(f"  {text} {seconds:.1f} s" if seconds else f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
