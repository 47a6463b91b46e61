"""What the examiner says, in every language it speaks: sentences.toml holds the words."""

import tomllib
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "zh")


@cache
def sentences():
    return tomllib.loads(Path(__file__).with_name("sentences.toml").read_text("utf-8"))


def say(key, **values):
    """{language: the sentence of this key}; a value may itself be in every language."""
    return {language: text.format(**{name: in_language(value, language)
                                     for name, value in values.items()})
            for language, text in sentences()[key].items()}  # fmt: skip


def in_language(value, language):
    return value[language] if isinstance(value, dict) else value


def spoken(trouble):
    """The sentence of a worker's (key, values); a value may be such a pair again."""
    key, values = trouble
    return say(key, **{name: spoken(value) if isinstance(value, (list, tuple)) else value
                       for name, value in values.items()})  # fmt: skip
