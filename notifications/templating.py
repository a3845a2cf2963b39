"""Texts from templates: everything that came from people is escaped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from domain import locales

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(enabled_extensions=("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _t(text: str, **values: Any) -> Markup:
    """As `t`: the text is ours and may hold tags, the values are escaped."""
    return Markup(locales.t(text, **_escaped(values)))  # noqa: S704  # only what the catalogues hold is not escaped


def _tn(one: str, many: str, count: int, **values: Any) -> Markup:
    return Markup(locales.tn(one, many, count, **_escaped(values)))  # noqa: S704  # as above


def _escaped(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: escape(value) if isinstance(value, str) else value for name, value in values.items()}


def _said(text: str) -> str:
    """A reason in the language of the reader where the catalogues hold it; any other as it is."""
    return locales.t(text)


def say_in(templates: Environment) -> None:
    """Let templates speak by `t` and `tn`, and say reasons that the catalogues hold by the filter `said`."""
    templates.globals.update(t=_t, tn=_tn)
    templates.filters["said"] = _said


say_in(_templates)


def render(name: str, params: Mapping[str, Any]) -> str:
    """The template of that file name, in the language of this journey, filled in; a missing parameter raises."""
    return _templates.get_template(name).render(params).strip()
