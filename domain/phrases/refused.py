"""The refusal of what no phrase says, with phrases that do."""

from domain.errors import InvalidInput
from domain.locales import any_of, t


class PhraseRefused(InvalidInput):
    """I don't understand when; `unknown` holds the words that I can't place, `suggestions` phrases that I can."""

    def __init__(self, message: str, unknown: str = "", suggestions: tuple[str, ...] = ()) -> None:
        quoted = any_of([t("“{phrase}”", phrase=phrase) for phrase in suggestions])
        super().__init__(f"{message} {t('Say, for example: {phrases}.', phrases=quoted)}" if quoted else message)
        self.unknown = unknown
        self.suggestions = suggestions
