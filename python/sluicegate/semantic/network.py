"""The network of MiniLM: texts in, vectors out.

Source: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (mean of the words' vectors).
"""

import importlib
from typing import Any, Final

from sluicegate.semantic import files

#: Word pieces of a question. What is longer has no vector: of texts that are cut, two that differ
#: behind the cut would be the same. 128 take some 30 ms.
MAX_TOKENS: Final = 128
#: The marks around every text.
_MARKS: Final = 2


class Network:
    """The model, on one core. Not for two threads at once.

    Raises: ModelFilesError, ImportError: the extra is not installed, or not as it was measured.
    Cost: 0.3 s and some 90 MB at first.
    """

    def __init__(self) -> None:
        # Of an extra: only who has chosen it loads it, and its types are not known here.
        self._numpy: Any = importlib.import_module("numpy")
        runtime: Any = importlib.import_module("onnxruntime")
        tokenizers: Any = importlib.import_module("tokenizers")
        self._tokenizer = tokenizers.Tokenizer.from_file(str(files.tokenizer()))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = runtime.InferenceSession(
            str(files.model()), options, providers=["CPUExecutionProvider"]
        )

    def vectors(self, texts: list[str]) -> list[bytes | None]:
        """A vector each, of length one; None of what is too long or says nothing."""
        read = [self._tokenizer.encode(text).ids for text in texts]
        fits = [_MARKS < len(ids) <= MAX_TOKENS for ids in read]
        fitting = [ids for ids, fit in zip(read, fits, strict=True) if fit]
        made = iter(self._run(fitting) if fitting else [])
        return [next(made) if fit else None for fit in fits]

    def _run(self, read: list[list[int]]) -> list[bytes]:
        numpy = self._numpy
        width = max(map(len, read))
        pieces = numpy.zeros((len(read), width), "int64")
        mask = numpy.zeros((len(read), width), "int64")
        for row, ids in enumerate(read):
            pieces[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        given = {"input_ids": pieces, "attention_mask": mask, "token_type_ids": pieces * 0}
        hidden = self._session.run(None, given)[0]
        vectors = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
        return [row.astype("<f4").tobytes() for row in vectors]
