"""A channel from outside: the one that the documents show, installed as a package and held to the contract."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from notifications import errors
from notifications.channels import kinds
from notifications.channels.kinds import given, kind_of, make_all, problems
from notifications.errors import ChannelFault, Postponed, Refused, Uncertain
from tests.contract.channels import ChannelContract, Plan, Rig
from tests.fakes.delivery import delivery
from tests.fakes.http import CLOSE, HANG, RESET, Answer, FakeServer, cut, page

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/how-to/add-a-channel.md").read_text(encoding="utf-8")


def shown(kind: str) -> str:
    """The page's code of that kind."""
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip installed the package that the page shows, out of nothing but what it shows."""
    source, target = tmp_path_factory.mktemp("acme-pager"), tmp_path_factory.mktemp("installed")
    (source / "acme_pager.py").write_text(shown("python"), encoding="utf-8")
    (source / "pyproject.toml").write_text(shown("toml"), encoding="utf-8")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return target


@pytest.fixture
def installed(target: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(target))
    kinds._loaded.cache_clear()
    yield
    kinds._loaded.cache_clear()


def test_the_example_is_short() -> None:
    assert len([line for line in shown("python").splitlines() if line.strip()]) <= 31


def test_the_page_names_every_error_of_sending() -> None:
    classes = {name: each for name, each in vars(errors).items() if isinstance(each, type)}
    raised = {name for name, each in classes.items() if issubclass(each, errors.SendError)}
    assert raised - {"SendError"} == set(re.findall(r"^  \| `(\w+)\(", PAGE, re.MULTILINE))


@pytest.mark.usefixtures("installed")
def test_it_is_found_and_made_out_of_the_environment() -> None:
    assert "acme.pager" not in make_all(given({}, {})).channels
    made = make_all(given({}, {"ACME_PAGER_URL": "http://127.0.0.1:9"}))
    assert "acme.pager" in made.channels
    assert made.left_out == dict.fromkeys(("telegram", "email", "webhook", "apprise"), "it is not set up")
    assert not problems()


@pytest.mark.usefixtures("installed")
class TestThePager(ChannelContract):
    name = "acme.pager"

    @pytest.fixture
    async def rig(self, installed: None) -> AsyncIterator[Rig]:
        server = FakeServer(lambda _: page(200, "paged", Page_Id="p-1"))

        def answer(*answers: Answer) -> Plan:
            return partial(server.plan, *answers)

        async def reached() -> None:
            while not server.requests:
                await asyncio.sleep(0.005)

        async with server.running():
            channel = kind_of("acme.pager").make({"acme_pager_url": f"http://127.0.0.1:{server.port}"})
            assert channel is not None
            yield Rig(
                channel,
                delivery(channel="acme.pager", address="0042"),
                lambda: sum(request.method == "POST" for request in server.requests),
                {Postponed: answer(page(503)), Refused: answer(page(404)), Uncertain: answer(RESET)},
                [answer(each) for each in (page(500), page(302), CLOSE, RESET, cut(200, "paged"), page(200, ""))],
                answer(HANG),
                reached,
                wrong_addresses=("", "42", "two words", "00421"),
                check_fails=answer(page(503)),
            )


@pytest.mark.usefixtures("installed")
async def test_nobody_at_home_is_the_channels_fault() -> None:
    channel = kind_of("acme.pager").make({"acme_pager_url": "http://127.0.0.1:1"})
    assert channel is not None
    with pytest.raises(ChannelFault):
        await channel.check()
