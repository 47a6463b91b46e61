"""What is known about an item besides its number: titles to vectors, and words (article §2.1).

    from tinyrec import content
    vectors = content.encode(titles)                     # TF-IDF; or encoder=a BERT's folder
    text = content.generate("Why do cats purr?", model="SmolLM2-135M-Instruct.Q4_1.gguf")
"""

from importlib import import_module

from .vectors import encode

__all__ = ["encode", "generate", "stream"]


def __getattr__(name):
    """generate and stream are imported when they are first named: Numba takes a while."""
    if name in ("generate", "stream"):
        return getattr(import_module(".decoder", __name__), name)
    raise AttributeError(f"module 'tinyrec.content' has no attribute {name!r}")
