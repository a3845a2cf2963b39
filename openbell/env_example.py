"""`.env.example`, made from the settings model: `python -m openbell.env_example [--check]`."""

import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from openbell.settings import Settings, types_in

TARGET = Path(__file__).resolve().parents[1] / ".env.example"
HEAD = """\
# Copy to .env and change what you need; every line is optional, and without any of them `make run` starts the sandbox.
# A variable of the environment wins over this file. Each secret can also be given as NAME_FILE=/path/to/a/file.
# This file is written from openbell/settings.py by: make format
"""


def render() -> str:
    """The text of `.env.example`."""
    fields = {name: field for name, field in Settings.model_fields.items() if name != "sandbox"}
    return HEAD + "".join(_entry(name.upper(), field) for name, field in fields.items())


def _entry(name: str, field: Any) -> str:
    secret = " A secret." if SecretStr in types_in(field.annotation) else ""
    default = "" if field.default is None else f" Default: {field.default}"
    return f"\n# {field.description}{secret}{default}\n# {name}={(field.examples or [''])[0]}\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` say whether it is as it would be written."""
    if "--check" not in arguments:
        TARGET.write_text(render(), encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == render():
        return 0
    sys.stderr.write(".env.example does not agree with openbell/settings.py; run: make format\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
