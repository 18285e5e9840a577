"""The vocabulary of model names: a table of patterns, each with what it changes in the plan."""

from .before import PARTS as BEFORE
from .endings import PARTS as ENDINGS
from .plain import PARTS as PLAIN
from .plan import PartFunction, Plan, parse
from .streams import PARTS as STREAMS
from .usages import PARTS as USAGES

#: First match wins; a pattern must match the whole part.
PARTS: list[tuple[str, PartFunction]] = [*PLAIN, *BEFORE, *STREAMS, *USAGES, *ENDINGS]

#: One name per part of the vocabulary that comes to an end by itself.
ENDING = """
ok ok-5 ok+n-3+itl-2 ok+ttft-5 utf8 ok-tools fault-reasoning fault-400 fault-500 fault-529
fault-429-retryafter-3 fault-429-retryafter-date fault-429-retryafter-ms-250
fault-429-retryafter-bad fault-429-quota fault-context-length fault-content-policy
fault-auth-rejected fault-reset-before-response fault-close-before-response
fault-slow-first-byte-0s fault-slow-headers-0s fault-redirect fault-redirect-metadata
fault-html-502 fault-200-error-body fault-empty-200 fault-invalid-json fault-truncated-body
fault-wrong-content-type fault-extra-response fault-stale-keepalive fault-stale-keepalive-reset
fault-huge-headers-8 fault-many-headers-50 fault-setcookie fault-stream-ignored
fault-nonstream-sse fault-http10 fault-cl-sse fault-close-delimited fault-trailers
fault-informational fault-midstream-reset-after-5 fault-midstream-fin-after-5
fault-midstream-clean-end-after-5 fault-midstream-bad-chunk-after-5 fault-error-first
fault-error-event-after-3 fault-stall-0s-after-3 fault-split-utf8 fault-byte-by-byte fault-crlf
fault-cr fault-mixed-eol fault-bom fault-nospace fault-multiline-data fault-comments
fault-extra-fields fault-unknown-event fault-pings fault-no-done fault-double-done
fault-events-after-done fault-done-no-finish fault-malformed-event fault-invalid-utf8
fault-nul-bytes fault-giant-event-1 fault-gzip fault-gzip-truncated fault-gzip-bomb-2
fault-flood-1 fault-empty-choices fault-usage-missing fault-lies-usage fault-lies-usage-low
fault-usage-negative fault-usage-huge fault-usage-string fault-usage-float fault-usage-null
fault-usage-cached fault-usage-reasoning fault-usage-twice fault-usage-each fault-dup-id
fault-model-mismatch ends-cut ends-filtered fault-500-then-ok-1@x fault-midstream-reset-after-2-then-ok-1@y
""".split()  # noqa: SIM905  # a list of strings would fill pages


def plan_for(model: str, attempt: int) -> Plan:
    """What try number `attempt` at `model` gets.  Raises: UnknownPartError."""
    return parse(model, attempt, PARTS)
