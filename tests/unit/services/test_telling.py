"""Reasons are kept in English and told in the language of whoever reads."""

import pytest

from domain.locales import speaking
from services.telling import clause

KEPT = "no answer came in time"


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (KEPT, "es kam rechtzeitig keine Antwort"),
        ("the person has no webhook address", "die Person hat keine webhook-Adresse"),
        (f"the address is disabled: {KEPT}", "die Adresse ist abgeschaltet: es kam rechtzeitig keine Antwort"),
        ("550 5.1.1 No such user", "550 5.1.1 No such user"),
    ],
)
def test_a_reason_is_told_in_german_where_it_is_ours(kept: str, told: str) -> None:
    with speaking("de"):
        assert clause(kept) == told
    assert clause(kept) == kept
