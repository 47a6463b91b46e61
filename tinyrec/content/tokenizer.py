"""WordPiece: a text becomes the numbers of the pieces that BERT knows (Devlin et al., 2019).

    "Größe 5" --clean, lower case, no accents--> "grosse 5" --split--> "grosse", "5"
    --longest pieces first--> [CLS] gross ##e 5 [SEP] --vocabulary--> (T,) int
"""

import json
import unicodedata
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError

LONGEST_WORD = 100  # characters; a longer word is [UNK], as in BERT


class Tokenizer(NamedTuple):
    vocabulary: dict[str, int]  # piece -> its number; a piece inside a word begins with ##
    lower_case: bool
    strip_accents: bool
    split_chinese: bool

    def pieces(self, text):
        """The pieces of a text, without [CLS] and [SEP]."""
        return [piece for word in self.words(text) for piece in self.pieces_of(word)]

    def numbers(self, text, limit):
        """[CLS], the text's pieces, [SEP]: at most `limit` numbers; the text's end is cut off."""
        pieces = ["[CLS]", *self.pieces(text)[: limit - 2], "[SEP]"]
        return [self.vocabulary[piece] for piece in pieces]

    def words(self, text):
        """Runs of letters and digits; a punctuation mark or a Chinese character is a word."""
        text = clean(text)
        if self.split_chinese:
            text = "".join(f" {c} " if is_chinese(c) else c for c in text)
        if self.lower_case:
            text = text.lower()
        if self.strip_accents:
            letters = unicodedata.normalize("NFD", text)
            text = "".join(c for c in letters if unicodedata.category(c) != "Mn")
        return "".join(f" {c} " if is_punctuation(c) else c for c in text).split()

    def pieces_of(self, word):
        """From the left, always the longest piece that the vocabulary has; else [UNK]."""
        found, start = [], 0
        while start < len(word) <= LONGEST_WORD:
            prefix = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((e for e in ends if prefix + word[start:e] in self.vocabulary), None)
            if end is None:
                return ["[UNK]"]
            found.append(prefix + word[start:end])
            start = end
        return found or ["[UNK]"]


def clean(text):
    """Without control and invalid characters; any kind of blank is a space."""
    text = "".join(" " if c.isspace() else c for c in text)
    unseen = ("Cc", "Cf", "Co", "Cs")
    return "".join(c for c in text if unicodedata.category(c) not in unseen and c != "\ufffd")


def is_chinese(c):
    return unicodedata.name(c, "").startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH"))


def is_punctuation(c):
    """Unicode's punctuation, and ASCII's symbols such as $ and +."""
    return unicodedata.category(c)[0] == "P" or (c.isascii() and not c.isalnum() and c != " ")


def read(folder):
    """The Tokenizer of a Hugging Face folder: tokenizer.json, or else vocab.txt.

    tokenizer_config.json, if it is there, says about lower case, accents and Chinese. Raises
    InputError if there is no vocabulary, or not one of WordPiece.
    """
    whole, config = Path(folder) / "tokenizer.json", Path(folder) / "tokenizer_config.json"
    if whole.exists():
        content = read_json(whole)
        model, rules = content.get("model", {}), content.get("normalizer") or {}
        if model.get("type") != "WordPiece" or not isinstance(model.get("vocab"), dict):
            kind = model.get("type", "unnamed")
            raise InputError(f"{whole}: a vocabulary of type {kind}; only WordPiece is read")
        vocabulary = model["vocab"]
    else:
        lines = read_text(Path(folder) / "vocab.txt").removesuffix("\n").split("\n")
        vocabulary, rules = {piece: number for number, piece in enumerate(lines)}, {}
    for piece in ("[CLS]", "[SEP]", "[UNK]"):
        if piece not in vocabulary:
            raise InputError(f"{folder}: the vocabulary lacks {piece}; take a BERT's folder")
    said = read_json(config) if config.exists() else {}
    lower_case = said.get("do_lower_case", rules.get("lowercase", True))
    accents = said.get("strip_accents", rules.get("strip_accents"))
    chinese = said.get("tokenize_chinese_chars", rules.get("handle_chinese_chars", True))
    return Tokenizer(vocabulary, lower_case, lower_case if accents is None else accents, chinese)


def read_text(path):
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; name a folder of a BERT's") from None
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: not text in UTF-8; copy the file once more") from None


def read_json(path):
    """The file's object."""
    try:
        found = json.loads(read_text(path))
    except json.JSONDecodeError:
        raise InputError(f"{path}: not JSON; copy the file once more") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: not a JSON object; copy the file once more")
    return found
