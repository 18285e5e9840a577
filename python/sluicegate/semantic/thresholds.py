"""How near a question has to be to its neighbour: the shipped values of `threshold: auto`.

Each belongs to its model, with the guards on, and was read off the curves of
`bench/results/semantic.md`: at most 3 of 100 labelled-different questions with a near neighbour
are answered from the cache by MiniLM, and at most 1 by n-grams.
"""

from typing import Final

SHIPPED_THRESHOLDS: Final = {"ngram": 0.85, "minilm": 0.89}
