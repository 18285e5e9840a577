"""One call to a provider, and what its answer means: for people who set one up."""

from sluicegate.probe.call import ASKABLE, Call, Outcome, call_of, has_list, make
from sluicegate.probe.credential import whose, with_credential
from sluicegate.probe.verdict import Verdict, judge, without_credential

__all__ = [
    "ASKABLE",
    "Call",
    "Outcome",
    "Verdict",
    "call_of",
    "has_list",
    "judge",
    "make",
    "whose",
    "with_credential",
    "without_credential",
]
