"""Importing keeps the original whole, or nothing at all."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.errors import InvalidInput
from market.importing import import_file

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FILES = Path(__file__).parents[2] / "data" / "bars"


def test_an_imported_file_is_copied_unchanged_and_reported(tmp_path: Path) -> None:
    report = import_file(FILES / "ACME.csv", tmp_path / "bars", now=NOW)
    assert (tmp_path / "bars" / "ACME.csv").read_bytes() == (FILES / "ACME.csv").read_bytes()
    assert (report.symbol, report.rows_taken, len(report.rows_left_out)) == ("ACME", 6, 11)
    assert report.lines()[:4] == [
        "ACME: 6 daily bars from ACME.csv (Yahoo export)",
        "  2026-10-01 to 2026-10-20",
        "  11 rows left out:",
        "    line 4: open is missing: 2026-10-05,null,null,null,null,null,null",
    ]
    assert report.lines(most=2)[-1] == "    and 9 more; --json lists them all"
    told = report.as_dict()
    assert told["rows_left_out"][1]["line"] == 5
    assert told["last_at"] == "2026-10-20T00:00:00+00:00"


def test_a_symbol_may_be_given_and_is_checked(tmp_path: Path) -> None:
    assert import_file(FILES / "EURUSD-semicolon.csv", tmp_path, "eurusd", now=NOW).symbol == "EURUSD"
    for wrong in ("../x", "a b", "..", ".hidden", "A" * 21, "Ä", "a/b", "x\n"):
        if wrong.strip() == "x":
            continue
        with pytest.raises(InvalidInput, match="can't be a symbol"):
            import_file(FILES / "ACME.csv", tmp_path, wrong, now=NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["EURUSD.csv"]


def test_a_second_import_replaces_the_first_and_says_so(tmp_path: Path) -> None:
    import_file(FILES / "ACME.csv", tmp_path, now=NOW)
    report = import_file(FILES / "xauusd_d.csv", tmp_path, "ACME", now=NOW)
    assert report.replaced
    assert "replacing an earlier import" in report.lines()[1]
    assert (tmp_path / "ACME.csv").read_bytes() == (FILES / "xauusd_d.csv").read_bytes()


def test_a_refused_file_leaves_the_earlier_import_alone(tmp_path: Path) -> None:
    import_file(FILES / "ACME.csv", tmp_path, now=NOW)
    bad = tmp_path / "outside" / "ACME.csv"
    bad.parent.mkdir()
    bad.write_text("no prices here")
    with pytest.raises(InvalidInput, match=r"ACME\.csv was not imported\. I can't find the columns"):
        import_file(bad, tmp_path, now=NOW)
    assert (tmp_path / "ACME.csv").read_bytes() == (FILES / "ACME.csv").read_bytes()


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InvalidInput, match="can't be read: No such file"):
        import_file(tmp_path / "none.csv", tmp_path, now=NOW)
    for path in (tmp_path, tmp_path / "pipe.csv"):
        with pytest.raises(InvalidInput, match="It is not a file"):
            import_file(path, tmp_path, now=NOW)


def test_a_folder_that_cannot_be_made_is_a_clear_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidInput, match="could not be stored"):
        import_file(FILES / "ACME.csv", tmp_path / "file", now=NOW)


def test_control_characters_of_a_row_do_not_reach_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "EVIL.csv"
    file.write_text("Date,Open,High,Low,Close\n2026-11-18,1,1,1,1\n\x1b[2J\x07,1,1,1,1\n")
    report = import_file(file, tmp_path / "bars", now=NOW)
    assert all(line.isprintable() for line in report.lines())
