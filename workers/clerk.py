"""Many threads asking at once become one statement: what is asked while the last batch is written makes the next."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")


class Clerk(Generic[Ask, Answer]):
    """Answers requests in batches from a thread of its own.

    `work` answers a batch, one answer for each request in order. When it fails for a batch of several, they are
    repeated one by one, so that a request that cannot be answered fails alone.
    """

    def __init__(self, name: str, work: Callable[[Sequence[Ask]], Sequence[Answer]], most: int = 64) -> None:
        self._work = work
        self._most = most
        self._asked: SimpleQueue[tuple[Ask, Future[Answer]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Answer what was asked, then end."""
        self._asked.put(None)
        self._thread.join(timeout=5)

    def ask(self, request: Ask) -> Answer:
        """The answer to `request`, or the exception that its own work raised."""
        return self.submit(request).result()

    def submit(self, request: Ask) -> "Future[Answer]":
        """Ask without waiting; whoever must not run ahead of the answers waits for the future."""
        future: Future[Answer] = Future()
        self._asked.put((request, future))
        return future

    def _serve(self) -> None:
        while (first := self._asked.get()) is not None:
            batch, ending = [first], False
            while len(batch) < self._most:
                try:
                    another = self._asked.get_nowait()
                except Empty:
                    break
                if another is None:
                    ending = True
                    break
                batch.append(another)
            self._answer(batch)
            if ending:
                return

    def _answer(self, batch: Sequence[tuple[Ask, "Future[Answer]"]]) -> None:
        try:
            answers = self._work([request for request, _ in batch])
        except Exception as problem:  # noqa: BLE001  # each asker gets the exception of its own request
            if len(batch) == 1:
                batch[0][1].set_exception(problem)
                return
            for one in batch:
                self._answer([one])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            future.set_result(answer)
