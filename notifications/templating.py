"""Texts from templates: everything that came from people is escaped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(enabled_extensions=("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(name: str, params: Mapping[str, Any]) -> str:
    """The template of that file name, filled in; a missing parameter raises."""
    return _templates.get_template(name).render(params).strip()
