"""Writing one variable into an env file."""

import stat
from pathlib import Path

import pytest

from openbell.cli_telegram import ConnectError, with_setting, write_setting


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "T=new\n"),
        ("A=1", "A=1\nT=new\n"),
        ("T=old\nA=1\n", "T=new\nA=1\n"),
        ("A=1\n  export T = old\nB=2\nT=older\n", "A=1\nT=new\nB=2\n"),
        ("# T=example\nTT=1\n", "# T=example\nTT=1\nT=new\n"),
    ],
)
def test_the_variable_stands_once_and_the_other_lines_stay(before: str, after: str) -> None:
    assert with_setting(before, "T", "new") == after
    assert with_setting(after, "T", "new") == after


def test_the_file_is_its_owners_alone_and_a_link_to_it_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("A=1\n")
    kept.chmod(0o666)
    (tmp_path / ".env").symlink_to(kept)
    write_setting((tmp_path / ".env").resolve(), "T", "new")
    assert kept.read_text() == "A=1\nT=new\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert (tmp_path / ".env").is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == [".env", "kept"]


def test_a_file_that_is_no_text_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(ConnectError):
        write_setting(tmp_path / ".env", "T", "new")
    assert (tmp_path / ".env").read_bytes() == b"\xff\xfe"
