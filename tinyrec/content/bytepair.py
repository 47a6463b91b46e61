"""Byte-pair encoding: a text becomes tokens, and tokens a text (Sennrich et al., 2016; GPT-2).

    "It's 12°" --split--> "It", "'s", " ", "1", "2", "°" --UTF-8--> bytes, a letter for each
    --merge the pair that was most frequent in training, again and again--> tokens
"""

import codecs
import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

PARTS = re.compile(  # GPT-2's pattern, and each digit for itself, as SmolLM has it
    r"'s|'t|'re|'ve|'m|'ll|'d|[0-9]| ?[A-Za-z]+| ?[^\sA-Za-z0-9]+|\s+(?![^\s0-9])|\s+"
)


class BytePair(NamedTuple):
    tokens: list[str]  # token's number -> its bytes, a letter for each
    number: dict[str, int]
    rank: dict[tuple[str, str], int]  # a pair of neighbours -> when it is merged

    def encode(self, text):
        """The numbers of a text's tokens; special ones such as <|im_end|> are never made.

        Bytes that the vocabulary lacks (SmolLM's: control characters) are left out.
        """
        letters = byte_letters()
        words = ["".join(letters[byte] for byte in part.encode()) for part in parts(text)]
        tokens = [token for word in words for token in self.merge(word)]
        return [self.number[token] for token in tokens if token in self.number]

    def merge(self, word):
        """The word's tokens: from single letters on, the pair of the lowest rank is merged."""
        tokens = list(word)
        while len(tokens) > 1:
            ranks = [self.rank.get(pair, len(self.rank)) for pair in pairwise(tokens)]
            first = min(ranks)
            if first == len(self.rank):
                break
            at = ranks.index(first)
            tokens[at : at + 2] = [tokens[at] + tokens[at + 1]]
        return tokens

    def decode(self, numbers):
        """Pieces of text, one a token; a character's bytes may take several tokens."""
        byte_of = {letter: byte for byte, letter in enumerate(byte_letters())}
        utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        for number in numbers:
            yield utf8.decode(bytes(byte_of[letter] for letter in self.tokens[number]))


def parts(text):
    """Words, digits, runs of other marks: tokens never reach across them."""
    simple = "".join(c if c.isascii() else representative(c) for c in text)
    return [text[match.start() : match.end()] for match in PARTS.finditer(simple)]


def representative(c):
    """An ASCII character of the same class, so that the pattern can do without Unicode's."""
    kind = unicodedata.category(c)[0]
    return {"L": "A", "N": "0"}.get(kind, "\n" if c.isspace() else "!")


@lru_cache(maxsize=1)
def byte_letters():
    """256 printable characters, one a byte: itself in Latin-1 if it is visible, else Ā, ā, …"""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    letters = {byte: chr(byte) for byte in visible}
    letters |= {byte: chr(256 + number) for number, byte in enumerate(hidden)}
    return [letters[byte] for byte in range(256)]
