"""The text that the scripted upstream generates, token by token.

Every token is one word that o200k_base encodes as exactly one token when the words are joined (a
leading space from the second on): "5 tokens were sent" and "o200k counts 5" are the same figure.
"""

from functools import cache

_WORDS = """
river stone bridge water light morning garden window silver paper orange table letter market
winter summer yellow mountain forest music story number circle corner doctor engine family flower
friend ground history island kitchen leader member nature office people picture planet problem
product quality question reason record report result school science season second shadow signal
simple single sister spring square station street student system teacher weather
""".split()  # noqa: SIM905  # a list of strings would fill pages

#: What `fault-split-utf8` adds to a word: two, three and four byte sequences.
WIDE = "\u00e9\u6f22\U0001f600"


@cache
def token(index: int, *, wide: bool = False) -> str:
    """Token `index` as the model would emit it."""
    word = _WORDS[index % len(_WORDS)] + (WIDE if wide else "")
    return word if index == 0 else " " + word


def text(tokens: int, *, wide: bool = False) -> str:
    """The first `tokens` tokens, joined."""
    return "".join(token(index, wide=wide) for index in range(tokens))
