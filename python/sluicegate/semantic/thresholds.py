"""How near a question has to be to its neighbour: the shipped values of `threshold: auto`.

Each belongs to its model, with the guards on, by the rule of `bench/semantic/folds.py`: the least
hundredth at which, of questions with the nearest of another intent, at most 3 of 100 are answered
from the cache by MiniLM, and at most 1 by n-grams. `bench/results/semantic.md` has the curves.
"""

from typing import Final

SHIPPED_THRESHOLDS: Final = {"ngram": 0.85, "minilm": 0.90}
