"""Bells on a real Valkey: they are heard at once, survive what servers go through, and never pile up."""

import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.brokers.redis import RedisBroker

from domain.ids import RunId
from domain.runs import Bell
from openbell.processes import wait_until
from openbell.servers import Running, start
from openbell.valkey import COMMANDS, Valkey
from workers import enqueue
from workers.actors import declare
from workers.enqueue import Bells, BrokerUnavailable
from workers.queues import Broker, connect, start_worker

WITHIN = 15.0


class Server:
    """A Valkey of the test's own, to be stopped, frozen and emptied."""

    def __init__(self, folder: Path) -> None:
        self.valkey = Valkey(
            folder / "valkey",
            password="throwaway",
            log=folder / "valkey.log",
            commands=f"{COMMANDS} +flushall +client|kill +client|list",
        )
        self.valkey.prepare()
        self.running: Running = start(self.valkey)
        self.url = self.valkey.url()
        self.client = redis.Redis.from_url(self.url)

    def restart(self) -> None:
        self.running.stop()
        self.valkey.prepare()
        self.running = start(self.valkey)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        os.kill(self.running.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.running.process.pid, signal.SIGCONT)


class Ears:
    """Stands for the execution of runs: remembers what it heard, and holds runs up where a test wants that."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []
        self.go_on = threading.Event()
        self.held_from = 1_000_000

    def begin(self, run_id: int, attempt: int) -> None:
        self.heard.append((run_id, attempt))
        if run_id >= self.held_from:
            self.go_on.wait(WITHIN)

    def hears(self, *runs: int) -> bool:
        return wait_until(lambda: set(runs) <= {run_id for run_id, _ in self.heard}, WITHIN)


@pytest.fixture
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="openbell-"))
    found = Server(folder)
    yield found
    found.client.close()
    found.running.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bells(server: Server) -> Iterator[Bells]:
    found = Bells(server.url)
    yield found
    found.close()


@contextlib.contextmanager
def working(server: Server, ears: Ears, threads: int = 4, answer_within: float = 1.0) -> Iterator[Broker]:
    broker = connect(server.url, answer_within)
    declare(broker, ears)
    crew = start_worker(broker, threads)
    assert broker.doorbell.wait_until_it_listens(WITHIN)
    try:
        yield broker
    finally:
        ears.go_on.set()
        crew.stop(timeout=5000)
        broker.close()


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def worker(server: Server, ears: Ears) -> Iterator[Broker]:
    with working(server, ears) as broker:
        yield broker


def bell(run_id: int, attempt: int = 0, queue: str = "reports") -> Bell:
    return Bell(RunId(run_id), attempt, queue)


def stock_broker(server: Server) -> Any:
    """Dramatiq's own broker, as it comes."""
    stock: Any = RedisBroker
    return stock(client=redis.Redis.from_url(server.url), namespace="openbell", middleware=[])


def nothing_left(server: Server, queue: str = "reports") -> bool:
    """Whether no message of the queue is kept anywhere."""
    keys = [key for key in server.client.keys("openbell:*") if queue.encode() in key]
    return not keys


def test_a_rung_worker_starts_before_it_would_have_looked(worker: Broker, bells: Bells, ears: Ears) -> None:
    waits = []
    for number in range(20):
        begun = time.monotonic()
        bells.ring([bell(number)])
        assert ears.hears(number)
        waits.append(time.monotonic() - begun)
    assert sorted(waits)[10] < 0.25  # looking once a second finds them after half a second on average


def test_every_queue_is_heard_and_acknowledged(worker: Broker, bells: Bells, ears: Ears, server: Server) -> None:
    queues = ("alerts", "trading_bots", "screeners", "reports", "maintenance")
    bells.ring([bell(100 * place + number, 3, queue) for place, queue in enumerate(queues) for number in range(100)])
    assert ears.hears(*range(500))
    assert len(ears.heard) == 500
    assert {attempt for _, attempt in ears.heard} == {3}
    assert wait_until(lambda: all(nothing_left(server, queue) for queue in queues), WITHIN)


def test_a_run_rung_again_and_again_waits_once(bells: Bells, server: Server) -> None:
    for _ in range(5):
        bells.ring([bell(number) for number in range(1500)])
    bells.ring([bell(number, 1) for number in range(10)])  # another attempt is another bell
    assert server.client.llen("openbell:reports") == 1510
    assert server.client.hlen("openbell:reports.msgs") == 1510
    assert server.client.lrange("openbell:reports", 0, 1) == [b"0-0", b"1-0"]


def test_a_bell_that_a_worker_took_to_its_grave_is_put_once_more(bells: Bells, server: Server) -> None:
    bells.ring([bell(1), bell(2)])
    dead = connect(server.url)
    assert len(dead.do_fetch("reports", 1)) == 1
    dead.close()
    bells.ring([bell(1), bell(2)])
    bells.ring([bell(1), bell(2)])
    assert server.client.lrange("openbell:reports", 0, -1) == [b"2-0", b"1-0"]


def test_a_message_dealt_with_meanwhile_leaves_nothing_behind(
    worker: Broker, bells: Bells, ears: Ears, server: Server
) -> None:
    server.client.rpush("openbell:reports", "7-0")  # its twin was acknowledged, so the text is gone
    bells.ring([bell(8)])
    assert ears.hears(8)
    assert wait_until(lambda: nothing_left(server), WITHIN)


def test_a_lost_ring_is_found_by_looking(worker: Broker, ears: Ears, server: Server) -> None:
    stock = stock_broker(server)
    message: Any = dramatiq.Message(queue_name="reports", actor_name="run_reports", args=(5, 0), kwargs={}, options={})
    stock.enqueue(message)  # puts the message without publishing anything
    assert ears.hears(5)
    assert wait_until(lambda: nothing_left(server), WITHIN)


def test_a_stock_consumer_reads_our_messages(bells: Bells, server: Server) -> None:
    bells.ring([bell(41, 2, "alerts")])
    stock = stock_broker(server)
    stock.declare_queue("alerts")
    consumer = stock.consume("alerts", prefetch=1, timeout=10)
    message = next(consumer)
    assert message is not None
    assert (message.actor_name, message.queue_name, list(message.args)) == ("run_alerts", "alerts", [41, 2])
    assert message.message_id == message.options["redis_message_id"] == "41-2"
    consumer.ack(message)
    assert nothing_left(server, "alerts")


def test_our_text_is_what_dramatiq_would_have_written() -> None:
    _, text = enqueue._messages("reports", [bell(41, 2)])
    assert dramatiq.Message.decode(text.encode()).encode() == text.encode()


def test_a_flushed_server_loses_bells_but_no_later_ones(
    worker: Broker, bells: Bells, ears: Ears, server: Server
) -> None:
    bells.ring([bell(1)])
    assert ears.hears(1)
    server.client.flushall()
    server.client.script_flush()
    bells.ring([bell(2)])
    assert ears.hears(2)
    assert wait_until(lambda: nothing_left(server), WITHIN)


def test_a_restarted_server_is_rung_and_heard_again(worker: Broker, bells: Bells, ears: Ears, server: Server) -> None:
    bells.ring([bell(1)])
    assert ears.hears(1)
    server.restart()
    bells.ring([bell(2)])
    assert ears.hears(2)


def test_bells_say_that_the_server_is_down(bells: Bells, server: Server) -> None:
    server.running.stop()
    with pytest.raises(BrokerUnavailable):
        bells.ring([bell(1)])
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        bells.ping()
    server.restart()
    bells.ring([bell(1)])
    assert server.client.llen("openbell:reports") == 1


def test_a_frozen_server_is_not_waited_for(worker: Broker, bells: Bells, ears: Ears, server: Server) -> None:
    with server.frozen():
        begun = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            bells.ring([bell(1)])
        assert time.monotonic() - begun < 10
        assert wait_until(lambda: not worker.doorbell.wait_until_it_listens(0), WITHIN)  # the silence was noticed
    bells.ring([bell(2)])
    assert ears.hears(2)
    assert worker.doorbell.wait_until_it_listens(WITHIN)


def test_a_cut_subscription_is_made_anew(worker: Broker, bells: Bells, ears: Ears, server: Server) -> None:
    for number in range(3):
        assert server.client.client_kill_filter(_type="pubsub") == 1
        bells.ring([bell(number)])
        assert ears.hears(number)
        assert wait_until(lambda: len(server.client.client_list(_type="pubsub")) == 1, WITHIN)


def test_an_alert_does_not_wait_behind_reports(worker: Broker, bells: Bells, ears: Ears) -> None:
    ears.held_from = 1000
    bells.ring([bell(1000 + number) for number in range(30)])
    assert wait_until(lambda: len(ears.heard) == 2, WITHIN)  # four threads, of which two are kept free
    bells.ring([bell(number, 0, "alerts") for number in range(50)])
    assert ears.hears(*range(50))
    assert len(ears.heard) == 52


def test_alerts_may_use_every_thread(worker: Broker, bells: Bells, ears: Ears) -> None:
    ears.held_from = 0
    bells.ring([bell(number, 0, "alerts") for number in range(10)])
    assert wait_until(lambda: len(ears.heard) == 4, WITHIN)


def test_a_stopped_worker_gives_back_what_it_did_not_begin(bells: Bells, ears: Ears, server: Server) -> None:
    ears.held_from = 0
    bells.ring([bell(number) for number in range(10)])
    with working(server, ears):
        assert wait_until(lambda: len(ears.heard) == 2, WITHIN)
    begun = {run_id for run_id, _ in ears.heard}
    waiting: list[Any] = server.client.lrange("openbell:reports", 0, -1)
    left = {int(name.split(b"-")[0]) for name in waiting}
    assert begun.isdisjoint(left)
    assert begun | left == set(range(10))
    assert server.client.hlen("openbell:reports.msgs") == len(left)
    assert not server.client.keys("openbell:__acks__*")


def test_what_is_no_message_of_ours_is_dropped(worker: Broker, bells: Bells, ears: Ears, server: Server) -> None:
    for name, text in (
        ("odd", "not json"),
        ("odder", enqueue._messages("reports", [bell(3)])[1].replace("[3,0]", "[]")),
    ):
        server.client.hset("openbell:reports.msgs", name, text)
        server.client.rpush("openbell:reports", name)
    bells.ring([bell(9)])
    assert ears.hears(9)
    assert [run_id for run_id, _ in ears.heard] == [9]


def test_one_worker_serves_what_another_left(bells: Bells, server: Server, ears: Ears) -> None:
    with working(server, ears), working(server, others := Ears()):
        bells.ring([bell(number) for number in range(200)])
        assert wait_until(lambda: len(ears.heard) + len(others.heard) == 200, WITHIN)
    assert {run_id for run_id, _ in ears.heard + others.heard} == set(range(200))
