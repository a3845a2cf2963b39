"""Each fault, injected and then looked at: what cannot be shown to have happened counts as not injected."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import redis

from chaos.fleet import Member, NotInjected, states
from chaos.house import House
from chaos.script import PlannedFault
from openbell.processes import wait_until

ENDS_WITHIN_S = 20.0


class NotNow(Exception):
    """What the fault would hit is down already; it comes a little later."""


@dataclass
class Injected:
    """A fault that happened, and what ends it."""

    planned: PlannedFault
    at_s: float
    target: str
    proof: str
    end: Callable[[], str] | None = None
    ends_at: float = float("inf")


class Faults:
    """Injects faults into one house; servers that are down are not hit a second time."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._down: set[str] = set()

    def inject(self, planned: PlannedFault, at_s: float) -> Injected:
        """Let it happen; NotNow when its target is down, NotInjected when it shows no effect."""
        what, target = planned.kind.split(" ", 1)
        if target in ("scheduler", "worker", "core"):
            return self._on_member(planned, at_s, what, self._chosen(target, planned.choice))
        server = "postgres" if "PostgreSQL" in target else "valkey"
        if server in self._down:
            raise NotNow
        act = {
            "flush Valkey": self._flush,
            "restart Valkey": lambda: self._end_valkey(signal.SIGTERM),
            "kill Valkey": lambda: self._end_valkey(signal.SIGKILL),
            "restart PostgreSQL": lambda: self._end_postgres(signal.SIGINT),
            "crash PostgreSQL": lambda: self._end_postgres(signal.SIGQUIT),
            "freeze PostgreSQL": self._freeze_postgres,
            "cut PostgreSQL connections": self._cut_postgres,
            "cut Valkey connections": self._cut_valkey,
        }[planned.kind]
        proof, end = act()
        return Injected(planned, at_s, server, proof, end, time.monotonic() + planned.lasts_s)

    def _chosen(self, role: str, choice: int) -> Member:
        members = self._house.fleet.alike(role)
        if not members:
            raise NotNow
        return members[choice % len(members)]

    def _on_member(self, planned: PlannedFault, at_s: float, what: str, member: Member) -> Injected:
        if what == "kill":
            return Injected(planned, at_s, member.name, member.kill())
        proof = member.stop()

        def go_on() -> str:
            member.go_on()
            return f"goes on after {planned.lasts_s:.0f} s"

        return Injected(planned, at_s, member.name, proof, go_on, time.monotonic() + planned.lasts_s)

    # Valkey

    def _flush(self) -> tuple[str, None]:
        with self._house.valkey_client() as client:
            client.set("chaos:marker", "1")
            keys = client.dbsize()
            client.flushall()
            if client.exists("chaos:marker"):
                raise NotInjected("the marker outlived the flush")
        return f"{keys} keys erased, the marker with them", None

    def _end_valkey(self, number: int) -> tuple[str, Callable[[], str]]:
        with self._house.valkey_client() as client:
            before = client.info("server")["run_id"]
        _end(self._house, "valkey", number)
        self._down.add("valkey")

        def again() -> str:
            self._house.start_server(self._house.valkey)
            self._down.discard("valkey")
            with self._house.valkey_client() as client:
                after = client.info("server")["run_id"]
            if after == before:
                raise NotInjected("Valkey kept its run_id")
            return f"run_id {before[:8]} became {after[:8]}"

        return "its process is gone", again

    def _cut_valkey(self) -> tuple[str, None]:
        with self._house.valkey_client() as client:
            mine = client.client_id()
            others = {each["id"] for each in client.client_list() if int(each["id"]) != mine}
            for number in others:
                try:
                    client.client_kill_filter(_id=number)
                except redis.ResponseError:
                    continue  # gone by itself meanwhile
            left = others & {each["id"] for each in client.client_list()}
        if left or not others:
            raise NotInjected(f"{len(left)} of {len(others)} connections to Valkey were not cut")
        return f"{len(others)} connections gone from CLIENT LIST", None

    # PostgreSQL

    def _end_postgres(self, number: int) -> tuple[str, Callable[[], str]]:
        before = self._started_at()
        _end(self._house, "postgres", number)
        self._down.add("postgres")

        def again() -> str:
            self._house.start_server(self._house.postgres)
            self._down.discard("postgres")
            after = self._started_at()
            if after == before:
                raise NotInjected("PostgreSQL kept its pg_postmaster_start_time")
            return f"pg_postmaster_start_time {before:%H:%M:%S} became {after:%H:%M:%S}"

        return "its process is gone", again

    def _freeze_postgres(self) -> tuple[str, Callable[[], str]]:
        processes = self._house.postgres_processes()
        for each in processes:
            each.send(signal.SIGSTOP)
        alive = [each for each in processes if each.alive()]
        if not alive or not wait_until(lambda: all(states(p.pid) <= {"T"} for p in alive if p.alive()), 5):
            raise NotInjected("not every process of PostgreSQL stopped")
        self._down.add("postgres")

        def thaw() -> str:
            for each in processes:
                each.send(signal.SIGCONT)
            self._down.discard("postgres")
            self._started_at()
            return "answers again"

        return f"{len(alive)} processes in state T", thaw

    def _cut_postgres(self) -> tuple[str, None]:
        with self._house.superuser() as cursor:
            cursor.execute(
                "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND usename LIKE 'openbell%%' AND pid <> pg_backend_pid()"
            )
            cut = [pid for pid, told in cursor.fetchall() if told]

        def gone() -> bool:
            with self._house.superuser() as cursor:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", (cut,))
                return int(cursor.fetchone()[0]) == 0

        if not cut or not wait_until(gone, 10, every=0.1):
            raise NotInjected(f"{len(cut)} backends were told to end and did not")
        return f"{len(cut)} backends gone from pg_stat_activity", None

    def _started_at(self) -> datetime:
        with self._house.superuser() as cursor:
            cursor.execute("SELECT pg_postmaster_start_time()")
            found: datetime = cursor.fetchone()[0]
            return found


def _end(house: House, name: str, number: int) -> None:
    process = house.server_process(name)
    process.send_signal(number)
    process.wait(ENDS_WITHIN_S)
