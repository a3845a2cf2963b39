"""Installs the harness's kinds of job for its own processes: a distribution's metadata in a folder on their path."""

from pathlib import Path

METADATA = "Metadata-Version: 2.1\nName: openbell-chaos\nVersion: 0\n"
ENTRY_POINTS = "[openbell.jobs]\nchaos.effect = chaos.job:REPEATABLE\nchaos.once = chaos.job:AT_MOST_ONCE\n"


def install(folder: Path) -> Path:
    """Lay the metadata into `folder`, which is to stand on PYTHONPATH."""
    info = folder / "openbell_chaos-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA, encoding="utf-8")
    (info / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    return folder
