"""One call to a provider, and what its answer means: for people who set one up."""

from sluicegate.probe.call import ASKABLE, Call, Outcome, call_of, make
from sluicegate.probe.verdict import Verdict, judge

__all__ = ["ASKABLE", "Call", "Outcome", "Verdict", "call_of", "judge", "make"]
