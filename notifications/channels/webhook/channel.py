"""The channel: signed calls to an address of the person's own."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from domain.errors import InvalidInput
from notifications.channels.channel import Progress, Receipt
from notifications.channels.webhook.payload import body, headers, number, signing_secret
from notifications.channels.webhook.targets import Allowed, Lookup, Target, look_up, parse, resolve
from notifications.delivery import Delivery
from notifications.errors import AddressGone, Flooded, Postponed, Refused, SendError, Uncertain

ASSUMED_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=6)
_LATER = frozenset({408, 425})
_OF_GATEWAYS = frozenset({502, 504})
"""Said by a proxy that lost the receiver: it may have taken the call."""


class WebhookChannel:
    """Posts each delivery once, to the address that was judged, and follows no redirect."""

    name = "webhook"
    private_ends = True
    """Every address is a server of its own: the silence of one says nothing of the others."""

    def __init__(
        self,
        secret_key: str,
        allowed: Allowed | None = None,
        *,
        lookup: Lookup = look_up,
        connect_within: float = 5.0,
        answer_within: float = 20.0,
        trust: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._secret_key = secret_key
        self._allowed = allowed or Allowed()
        self._lookup = lookup
        self._timeout = httpx.Timeout(answer_within, connect=connect_within, pool=connect_within)
        self._within = connect_within + 2 * answer_within
        self._trust = trust
        self._clock = clock
        self._client: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Get ready; nobody is called yet."""
        self._opened()

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=self._trust or httpx.create_ssl_context(),
                timeout=self._timeout,
                follow_redirects=False,
                trust_env=False,  # a proxy would resolve the name again
                limits=httpx.Limits(max_connections=32, max_keepalive_connections=0),  # kept per address, not per name
            )
        return self._client

    async def close(self) -> None:
        """Let go of connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def check(self) -> None:
        """Nothing is shared between the receivers, so nothing can be wrong with all of them."""

    async def send(self, delivery: Delivery, progress: Progress) -> Receipt:  # noqa: ARG002  # a call is one part
        """Make one signed call; its `webhook-id` comes back."""
        try:
            async with asyncio.timeout(self._within):
                status, answered = await self._call(delivery)
        except TimeoutError as late:
            raise Uncertain("no answer came in time") from late
        problem = classify(status, answered, self._clock())
        if problem is not None:
            raise problem
        return Receipt(number(delivery))

    async def _call(self, delivery: Delivery) -> tuple[int, Mapping[str, str]]:
        try:
            url = parse(delivery.address)
        except InvalidInput as problem:
            raise AddressGone(str(problem)) from problem
        target = await self._resolved(url)
        content = body(delivery)
        signed = headers(delivery, content, signing_secret(self._secret_key, delivery.address), self._clock())
        *before, last = target.addresses
        for address in before:
            try:
                return await self._post(target, address, content, signed)
            except Postponed:  # not connected: the next of its addresses may be
                continue
        return await self._post(target, last, content, signed)

    async def _resolved(self, url: httpx.URL) -> Target:
        try:
            async with asyncio.timeout(self._timeout.connect):
                return await resolve(url, self._allowed, self._lookup)
        except TimeoutError as problem:
            raise Postponed(f"{url.host} could not be looked up in time") from problem

    async def _post(
        self, target: Target, address: str, content: bytes, signed: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str]]:
        client = self._opened()
        request = client.build_request(
            "POST",
            target.pinned(address),
            content=content,
            headers={**signed, "host": target.host_header},
            extensions={"sni_hostname": target.url.raw_host.decode("ascii")},
        )
        try:
            answer = await client.send(request, stream=True)  # its body is nobody's business, however long
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as problem:
            raise Postponed(f"{target.url.host} can't be reached ({type(problem).__name__})") from problem
        except Exception as problem:  # whatever it is, the call was under way
            raise Uncertain(f"no readable answer came ({type(problem).__name__})") from problem
        await answer.aclose()
        return answer.status_code, answer.headers


def classify(status: int, answered: Mapping[str, str], now: datetime) -> SendError | None:
    """What an answer means; None when it is a yes."""
    said = f"the receiver answered {status}"
    if 200 <= status <= 299:
        return None
    if status in _OF_GATEWAYS:
        return Uncertain(said)
    if status == 410:
        return AddressGone(f"{said}: nobody listens there any more")
    if status == 429:
        return Flooded(said, _pause(answered, now) or ASSUMED_PAUSE)
    if status in _LATER or status >= 500:
        return Postponed(said, _pause(answered, now))
    if 300 <= status <= 399:
        return Refused(f"{said}: redirects are not followed, so the address has to be the final one")
    return Refused(said)


def _pause(answered: Mapping[str, str], now: datetime) -> timedelta | None:
    """What `Retry-After` says, in seconds or as a date, within reason."""
    said = answered.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return min(timedelta(seconds=min(int(said[:9]), 10**8)), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta(seconds=1)), LONGEST_PAUSE)
