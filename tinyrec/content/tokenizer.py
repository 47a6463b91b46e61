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
IDEOGRAPHS = (  # the blocks of Chinese characters, each of which is a word to BERT
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


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
    return "".join(c for c in text if unicodedata.category(c)[0] != "C" and c != "\ufffd")


def is_chinese(c):
    return any(first <= ord(c) <= last for first, last in IDEOGRAPHS)


def is_punctuation(c):
    """Unicode's punctuation, and ASCII's symbols such as $ and +."""
    return unicodedata.category(c)[0] == "P" or (c.isascii() and not c.isalnum() and c != " ")


def read(folder):
    """The Tokenizer of a Hugging Face folder: tokenizer.json, or else vocab.txt.

    tokenizer_config.json, if it is there, says about lower case, accents and Chinese. Raises
    InputError if there is no vocabulary, or not one of WordPiece.
    """
    folder = Path(folder)
    config = read_json(folder / "tokenizer_config.json", needed=False)
    if (folder / "tokenizer.json").exists():
        vocabulary, rules = read_tokenizer_json(folder / "tokenizer.json")
    else:
        vocabulary, rules = read_vocab_txt(folder / "vocab.txt"), {}
    lower_case = config.get("do_lower_case", rules.get("lowercase", True))
    accents = config.get("strip_accents", rules.get("strip_accents"))
    chinese = config.get("tokenize_chinese_chars", rules.get("handle_chinese_chars", True))
    missing = [piece for piece in ("[CLS]", "[SEP]", "[UNK]") if piece not in vocabulary]
    if missing:
        raise InputError(f"{folder}: the vocabulary lacks {missing[0]}; take a BERT's folder")
    return Tokenizer(vocabulary, lower_case, lower_case if accents is None else accents, chinese)


def read_tokenizer_json(path):
    content = read_json(path)
    model = content.get("model", {})
    kind = model.get("type", "unnamed")
    if kind != "WordPiece" or not isinstance(model.get("vocab"), dict):
        raise InputError(f"{path}: a vocabulary of type {kind}; only WordPiece (BERT) is read")
    return model["vocab"], content.get("normalizer") or {}


def read_vocab_txt(path):
    try:
        lines = path.read_text("utf-8").removesuffix("\n").split("\n")
    except FileNotFoundError:
        raise InputError(f"{path.parent}: no tokenizer.json and no vocab.txt in it") from None
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: not a vocabulary, a piece a line in UTF-8") from None
    return {line.rstrip("\r"): number for number, line in enumerate(lines)}


def read_json(path, needed=True):
    """The file's object; {} if it is not there and not needed."""
    if not needed and not path.exists():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; name a folder of Hugging Face's") from None
    except (OSError, ValueError):
        raise InputError(f"{path}: not JSON; copy the file once more") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: not a JSON object; copy the file once more")
    return found
