"""The channel: one call of the library, in a thread, whose answer is yes or nobody knows."""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

from notifications.channels.channel import Progress, Receipt
from notifications.delivery import Delivery
from notifications.errors import AddressGone, ChannelFault, Refused, Uncertain
from notifications.words import plain_of, repeat_note

THREADS = 4
ANSWER_WITHIN = 30.0
MISSING = "The package apprise is not installed. Install it: pip install 'openbell[apprise]'"


def installed() -> bool:
    """Whether the optional package is there; it is not imported for that."""
    return find_spec("apprise") is not None


class AppriseChannel:
    """Sends plain text to the destinations of the settings; an address is the name of one."""

    name = "apprise"
    private_ends = True
    """Every address is a service of its own: the silence of one says nothing of the others."""

    def __init__(self, destinations: Mapping[str, str], *, answer_within: float = ANSWER_WITHIN) -> None:
        self._destinations = dict(destinations)
        self._within = answer_within
        self._threads: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Get ready; the library is loaded when it is first used."""
        self._pool()

    async def close(self) -> None:
        """Begin no further call; one that hangs ends by its own time limit."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)

    async def check(self) -> None:
        """See that the library is there; how its services are nobody tells beforehand."""
        if not installed():
            raise ChannelFault(MISSING)

    async def send(self, delivery: Delivery, progress: Progress) -> Receipt:  # noqa: ARG002  # a call is one part
        """Hand the plain words to the library once."""
        url = self._destinations.get(delivery.address)
        if url is None:
            raise AddressGone(f"APPRISE_URLS has no “{delivery.address[:32]}”")
        await self.check()
        words = "\n".join(filter(None, (repeat_note(delivery), plain_of(delivery))))
        if not words.strip():
            raise Refused("there is nothing in it to send")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._within + 1):
                said = await loop.run_in_executor(
                    self._pool(), hand_over, url, words, delivery.subject or "", self._within
                )
        except TimeoutError as late:
            raise Uncertain("no answer came in time") from late
        except Exception as problem:  # whatever broke in there, the call may have been made
            raise Uncertain(f"the library broke ({type(problem).__name__})") from problem
        if said is None:
            raise Refused(f"the library can't read the URL of “{delivery.address}” in APPRISE_URLS")
        if not said:
            raise Uncertain("the library says no more than that it did not succeed")
        return Receipt(delivery.address, "best effort: the service's own answer is not known")

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")
        return self._threads


def hand_over(url: str, words: str, title: str, within: float) -> bool | None:
    """One call without any repeat; None when the library can't read the URL."""
    from apprise import Apprise, AppriseAsset, NotifyFormat

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines name topics, which are as good as passwords
    asset = AppriseAsset(
        plugin_paths=[],
        storage_mode="memory",
        async_mode=False,
        http_redirects=False,
        default_service_retry=0,
        pgp_autogen=False,
        pem_autogen=False,
        allow_templates=False,
        service_timeout=within,
        app_id="Openbell",
    )
    service = Apprise.instantiate(url, asset=asset)
    if service is None:
        return None
    sender = Apprise(asset=asset)
    sender.add(service)
    return bool(sender.notify(words, title=title, body_format=NotifyFormat.TEXT, timeout=within))
