"""What every channel has to do, ours and those of plug-ins: subclass `ChannelContract` and hand it a `Rig`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from domain.errors import InvalidInput
from notifications.channels.channel import Channel, Receipt
from notifications.channels.kinds import ChannelKind, kind_of
from notifications.delivery import Delivery
from notifications.errors import ChannelFault, Postponed, SendError
from tests.fakes.delivery import Parts

Plan = Callable[[], None]
"""Lets the provider fail in some way at the next send, and at that one only."""
AT_ONCE_S = 5.0


@dataclass
class Rig:
    """A channel, and the provider at its other end in the hands of the test."""

    channel: Channel
    sent: Delivery
    """What the channel can carry, to an address that takes it."""
    received: Callable[[], int]
    """How many messages the provider has taken so far."""
    faults: Mapping[type[SendError], Plan]
    """For each class that the channel can raise, what makes the provider be the reason."""
    storms: Sequence[Plan]
    """Anything else that a provider may do."""
    hang: Plan
    """The provider never answers."""
    reached: Callable[[], Awaitable[None]]
    """Returns when the provider that hangs was reached."""
    secrets: Sequence[str] = ()
    """What may stand in no error."""
    other: Sequence[Delivery] = ()
    """More that the channel carries: files, long texts, what it changes."""
    wrong_addresses: Sequence[str] = ("", "  ", "two words")
    check_fails: Plan | None = None
    """Lets the next `check` fail, where one can."""

    async def send(self, sent: Delivery | None = None) -> Receipt:
        return await self.channel.send(sent or self.sent, Parts())


class ChannelContract:
    """The suite. A subclass has `name` and a fixture `rig` whose channel is not opened yet."""

    name: str

    @pytest.fixture
    async def rig(self) -> Rig:
        raise NotImplementedError

    @pytest.fixture
    def kind(self) -> ChannelKind:
        return kind_of(self.name)

    async def test_it_is_called_as_its_kind_is(self, rig: Rig, kind: ChannelKind) -> None:
        assert rig.channel.name == kind.name == self.name
        assert kind.summary
        assert kind.address_hint

    async def test_without_settings_there_is_no_channel(self, kind: ChannelKind) -> None:
        assert kind.make({}) is None

    async def test_addresses_are_checked_and_kept_in_one_form(self, rig: Rig, kind: ChannelKind) -> None:
        kept = kind.check_address(rig.sent.address)
        assert kind.check_address(kept) == kept
        assert kind.check_address(f" {kept} ") == kept
        for wrong in rig.wrong_addresses:
            with pytest.raises(InvalidInput) as caught:
                kind.check_address(wrong)
            assert len(str(caught.value)) > 20, "it says what would be right"

    async def test_it_can_be_opened_and_closed_twice_and_used_again(self, rig: Rig) -> None:
        await rig.channel.close()
        await rig.channel.open()
        await rig.channel.open()
        await rig.send()
        await rig.channel.close()
        await rig.channel.close()
        await rig.channel.open()
        await rig.send()
        assert rig.received() == 2
        await rig.channel.close()

    async def test_check_says_nothing_while_all_is_well(self, rig: Rig) -> None:
        await rig.channel.open()
        await rig.channel.check()
        assert rig.received() == 0, "nobody gets a message for a check"
        await rig.channel.close()

    async def test_check_says_what_is_wrong_as_an_error_of_sending(self, rig: Rig) -> None:
        if rig.check_fails is None:
            pytest.skip("nothing is shared that could be wrong")
        await rig.channel.open()
        rig.check_fails()
        with pytest.raises(SendError):
            await rig.channel.check()
        await rig.channel.close()

    async def test_a_send_arrives_once_and_is_receipted(self, rig: Rig) -> None:
        await rig.channel.open()
        receipt = await rig.send()
        assert rig.received() == 1
        assert receipt.provider_id
        await rig.channel.close()

    async def test_parts_are_told_in_order_from_the_first_one_missing(self, rig: Rig) -> None:
        await rig.channel.open()
        for sent in (rig.sent, *rig.other):
            parts = Parts()
            await rig.channel.send(sent, parts)
            told = [part for part, _ in parts.taken]
            assert told == sorted(set(told))
            assert all(number for _, number in parts.taken)
            if len(told) > 1:
                later = Parts()
                await rig.channel.send(replace(sent, part=told[0] + 1), later)
                assert [part for part, _ in later.taken] == told[1:]
        await rig.channel.close()

    async def test_a_failing_progress_is_not_swallowed(self, rig: Rig) -> None:
        """What the sender could not write down it has to hear of, or it would think that it had."""
        asked: list[int] = []

        async def fails(part: int, _number: str) -> None:
            asked.append(part)
            raise ConnectionError("the database is gone")

        await rig.channel.open()
        for sent in (rig.sent, *rig.other):
            asked.clear()
            try:
                await rig.channel.send(sent, fails)
            except ConnectionError:
                assert asked
            else:
                assert not asked
        await rig.channel.close()

    async def test_each_failure_has_its_class_and_leaves_the_channel_usable(self, rig: Rig) -> None:
        await rig.channel.open()
        for expected, plan in rig.faults.items():
            before = rig.received()
            plan()
            with pytest.raises(SendError) as caught:
                await rig.send()
            problem = caught.value
            assert type(problem) is expected, f"{type(problem).__name__}: {problem}"
            assert str(problem)
            if isinstance(problem, Postponed):
                assert problem.after is None or problem.after.total_seconds() > 0
            if expected is not ChannelFault:
                await rig.channel.check()
            await _settled(rig)
            assert rig.received() <= before + 2, "nothing is repeated inside a send"
        await rig.channel.close()

    async def test_whatever_the_provider_does_only_errors_of_sending_come_out(self, rig: Rig) -> None:
        said: list[str] = []
        await rig.channel.open()
        for plan in (*rig.storms, *rig.faults.values()):
            for sent in (rig.sent, *rig.other):
                plan()
                try:
                    receipt = await rig.send(sent)
                except SendError as problem:
                    said.append(str(problem))
                else:
                    assert receipt.provider_id
                await _settled(rig)
        await rig.channel.close()
        assert len(said) >= len(rig.faults)
        assert not [each for each in said for secret in rig.secrets if secret in each]

    async def test_a_cancelled_send_stops_at_once_and_leaves_the_channel_usable(self, rig: Rig) -> None:
        await rig.channel.open()
        rig.hang()
        sending = asyncio.create_task(rig.send())
        async with asyncio.timeout(AT_ONCE_S):
            await rig.reached()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        await _settled(rig)
        await rig.channel.close()

    async def test_a_provider_that_never_answers_holds_nobody_up(self, rig: Rig) -> None:
        await rig.channel.open()
        rig.hang()
        async with asyncio.timeout(AT_ONCE_S):
            slow, quick = await asyncio.gather(rig.send(), _after(rig), return_exceptions=True)
        assert isinstance(slow, SendError)
        assert isinstance(quick, Receipt), quick
        await rig.channel.close()

    async def test_several_sends_at_once_arrive_once_each(self, rig: Rig) -> None:
        await rig.channel.open()
        await asyncio.gather(*(rig.send() for _ in range(5)))
        assert rig.received() == 5
        await rig.channel.close()

    async def test_what_it_sends_is_not_its_own_to_change(self, rig: Rig) -> None:
        await rig.channel.open()
        before = repr(rig.sent)
        await rig.send()
        assert repr(rig.sent) == before
        await rig.channel.close()


async def _after(rig: Rig) -> Receipt:
    await rig.reached()
    return await rig.send()


async def _settled(rig: Rig) -> None:
    """The next send succeeds, once what was planned is used up; a channel may rest for a moment after a fault."""
    async with asyncio.timeout(AT_ONCE_S):
        while True:
            try:
                await rig.send()
            except SendError:
                await asyncio.sleep(0.02)
            else:
                return
