"""`make bench`: measure, print a table beside the peers, and write it down. `python -m bench --help` says more."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.table import Section, as_json

NAMES = ("replies", "dispatch", "growth", "start", "work", "rates", "messages")


def main(arguments: list[str]) -> int:
    """Measure what is asked for; the exit code says whether it could be measured, not whether it was fast."""
    asked = _parser().parse_args(arguments)
    sections = []
    for name in asked.what or NAMES:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        sections.append(_measurement(name)(asked.quick))
        print(sections[-1], flush=True)
    if asked.out is not None:
        _write(asked.out, sections)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"some of {', '.join(NAMES)}; all without it")
    parser.add_argument("--quick", action="store_true", help="small sizes and one round: does it run at all?")
    parser.add_argument("--out", type=Path, help="write OUT.md and OUT.json beside printing")
    return parser


def _measurement(name: str) -> Callable[[bool], Section]:
    if name == "replies":
        from bench import product, replies

        return lambda quick: product.measure(replies.QUICK if quick else replies.FULL)
    if name not in NAMES:
        raise SystemExit(f"There is no measurement named {name!r}; take some of {', '.join(NAMES)}.")
    try:
        from bench import dispatch, growth, messages, rates, start, work
    except ModuleNotFoundError as problem:
        raise SystemExit(f"{problem.name} is missing, a peer to measure against. Run: make setup-bench") from problem
    from bench.house import house

    def measured(quick: bool) -> Section:
        with house() as servers:
            if name == "dispatch":
                return dispatch.measure(servers, dispatch.QUICK if quick else dispatch.FULL)
            if name == "growth":
                return growth.measure(servers, growth.QUICK if quick else growth.FULL)
            if name == "start":
                return start.measure(servers, start.QUICK if quick else start.FULL)
            if name == "messages":
                return messages.measure(servers, messages.QUICK if quick else messages.FULL)
            if name == "rates":
                return rates.measure(servers, rates.QUICK if quick else rates.FULL)
            return work.measure(servers, work.QUICK if quick else work.FULL)

    return measured


def _write(out: Path, sections: list[Section]) -> None:
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg()[0],
        "zone": time.tzname[0],
    }
    out.with_suffix(".json").write_text(json.dumps(about | {"sections": as_json(sections)}, indent=1) + "\n", "utf-8")
    out.with_suffix(".md").write_text("\n".join(map(str, sections)), "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
