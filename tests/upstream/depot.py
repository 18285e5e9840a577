"""Files and batches of the scripted upstream, in OpenAI's, Anthropic's and Gemini's form.

A batch is in progress when it is asked for first, and has ended from the second time on; one whose
models have a ref in `held` goes on until the ref is taken out. One that is cancelled, or whose ref
is in `expiring`, has answered the first half of its lines.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from .behaviours import plan_for
from .exchange import Exchange
from .gemini import GEMINI
from .responses import RESPONSES
from .script import answer, prompt_words
from .wire import ANTHROPIC, OPENAI, Wire, dumps

Json = dict[str, Any]
Said = tuple[int, str, bytes]

_JSON = "application/json"
_WIRES: dict[str, Wire] = {"/v1/chat/completions": OPENAI, "/v1/responses": RESPONSES}
_TIME = "2026-01-02T03:04:05Z"
_GEMINI = re.compile(r"^/v1beta/models/(.+):batchGenerateContent$")


@dataclass(slots=True)
class File:
    """One that somebody put here."""

    key: str | None
    purpose: str
    filename: str
    content: bytes


@dataclass(slots=True)
class Line:
    """One request of a batch."""

    name: str
    model: str
    body: Json


@dataclass(slots=True)
class Job:
    """A batch."""

    form: str
    key: str | None
    endpoint: str
    lines: list[Line]
    input_file_id: str = ""
    metadata: Any = None
    polls: int = 0
    is_cancelled: bool = False
    files: dict[str, str] = field(default_factory=dict)

    @property
    def refs(self) -> set[str]:
        """Of its models."""
        return {line.model.partition("@")[2] for line in self.lines}


class Depot:
    """All that one upstream keeps."""

    def __init__(self) -> None:
        """Empty."""
        self.files: dict[str, File] = {}
        self.jobs: dict[str, Job] = {}
        self.held: set[str] = set()
        self.expiring: set[str] = set()
        #: Refs whose batches cannot be asked for: the answer is a 503.
        self.silent: set[str] = set()
        self.asked: list[Exchange] = []
        self._numbers = itertools.count(1)

    def jobs_of(self, ref: str) -> list[Job]:
        """The batches whose models have a ref."""
        return [job for job in list(self.jobs.values()) if ref in job.refs]

    def aside(self, exchange: Exchange) -> Said | None:
        """Status, content type and body of what is asked about files or batches."""
        path = exchange.path.partition("?")[0]
        parts = path.strip("/").split("/")
        said: Said | None = None
        if parts[:2] == ["v1", "files"]:
            said = self._file(exchange, parts[2:])
        elif parts[:2] == ["v1", "batches"]:
            said = self._batch(exchange, "openai", parts[2:])
        elif parts[:3] == ["v1", "messages", "batches"]:
            said = self._batch(exchange, "anthropic", parts[3:])
        elif found := _GEMINI.match(path.replace("%40", "@")):
            said = self._begin_gemini(exchange, found[1])
        elif parts[:2] == ["v1beta", "batches"]:
            name, _, verb = parts[2].partition(":")
            said = self._batch(exchange, "gemini", [name, *([verb] if verb else [])])
        if said is not None:
            self.asked.append(exchange)
        return said

    # files

    def _file(self, exchange: Exchange, rest: list[str]) -> Said:
        key = exchange.header("authorization")
        if not rest:
            form = exchange.form
            name = f"file-up-{next(self._numbers)}"
            top = exchange.body.partition(b'filename="')[2].partition(b'"')[0].decode()
            content = form["file"].encode("latin-1")
            self.files[name] = File(key, form["purpose"], top, content)
            return _json(self._shown(name))
        file = self.files.get(rest[0])
        if file is None or file.key != key:
            return _missing(rest[0])
        if rest[1:] == ["content"]:
            return 200, "application/octet-stream", file.content
        if exchange.method == "DELETE":
            del self.files[rest[0]]
            return _json({"id": rest[0], "object": "file", "deleted": True})
        return _json(self._shown(rest[0]))

    def _shown(self, name: str) -> Json:
        file = self.files[name]
        return {
            "id": name,
            "object": "file",
            "bytes": len(file.content),
            "created_at": int(time.time()),
            "filename": file.filename,
            "purpose": file.purpose,
            "status": "processed",
        }

    def _put(self, key: str | None, name: str, lines: list[Json]) -> str:
        content = "".join(f"{dumps(line)}\n" for line in lines).encode()
        self.files[name] = File(key, "batch_output", f"{name}.jsonl", content)
        return name

    # batches

    def _batch(self, exchange: Exchange, form: str, rest: list[str]) -> Said:
        if not rest:
            return self._begin(exchange, form)
        job = self.jobs.get(rest[0])
        if job is None or job.form != form or job.key != _key(exchange):
            return _missing(rest[0])
        if job.refs & self.silent:
            return 503, _JSON, b'{"error":{"message":"not now"}}'
        if rest[1:] == ["results"]:
            lines = [_anthropic_line(line, said) for line, said in self._done(job)]
            return (
                200,
                "application/x-jsonl",
                "".join(f"{dumps(each)}\n" for each in lines).encode(),
            )
        if rest[1:] == ["cancel"]:
            job.is_cancelled = True
            return _json({} if form == "gemini" else self._status(rest[0], job))
        job.polls += 1
        return _json(self._status(rest[0], job))

    def _begin(self, exchange: Exchange, form: str) -> Said:
        body = exchange.json
        key = _key(exchange)
        name = f"{'msgbatch' if form == 'anthropic' else 'batch'}_up_{next(self._numbers)}"
        if form == "anthropic":
            lines = [
                Line(each["custom_id"], each["params"]["model"], each["params"])
                for each in body["requests"]
            ]
            self.jobs[name] = Job(form, key, "/v1/messages", lines)
            return _json(self._status(name, self.jobs[name]))
        file = self.files.get(body["input_file_id"])
        if file is None or file.key != key:
            return 400, _JSON, b'{"error":{"message":"no such file","code":"invalid_file"}}'
        given = [json.loads(line) for line in file.content.splitlines()]
        lines = [Line(each["custom_id"], each["body"]["model"], each["body"]) for each in given]
        if any(line.model.startswith("refused") for line in lines):
            return 400, _JSON, b'{"error":{"message":"not these","code":"unsupported_model"}}'
        self.jobs[name] = job = Job(form, key, body["endpoint"], lines, body["input_file_id"])
        job.metadata = body.get("metadata")
        return _json(self._status(name, job))

    def _begin_gemini(self, exchange: Exchange, model: str) -> Said:
        requests = exchange.json["batch"]["inputConfig"]["requests"]["requests"]
        lines = [Line(each["metadata"]["key"], model, each["request"]) for each in requests]
        name = f"up{next(self._numbers)}"
        self.jobs[name] = job = Job("gemini", _key(exchange), "gemini", lines)
        return _json(self._status(name, job))

    def _is_over(self, job: Job) -> bool:
        return job.is_cancelled or (job.polls > 1 and not job.refs & self.held)

    def _done(self, job: Job) -> list[tuple[Line, Json | None]]:
        """Lines with what became of them; None where nobody began with it."""
        is_half = job.is_cancelled or bool(job.refs & self.expiring)
        done = (len(job.lines) + 1) // 2 if is_half else len(job.lines)
        return [
            (line, self._answered(job, line) if number < done else None)
            for number, line in enumerate(job.lines)
        ]

    def _answered(self, job: Job, line: Line) -> Json:
        wire = {"anthropic": ANTHROPIC, "gemini": GEMINI}.get(job.form)
        wire = wire or _WIRES[job.endpoint]
        body = dumps(line.body).encode()
        exchange = Exchange(0, "POST", job.endpoint, [], body, 0.0, model=line.model)
        exchange.input_tokens = prompt_words(line.body)
        plan = plan_for(line.model, 1)
        if plan.failure is not None:
            error = json.loads(wire.error_body(plan.failure))
            return {"status": plan.failure.status, "body": error}
        made = answer(plan, wire, exchange, next(self._numbers))
        return {"status": 200, "body": json.loads(wire.whole(made))}

    def _status(self, name: str, job: Job) -> Json:
        if job.form == "anthropic":
            return self._anthropic(name, job)
        if job.form == "gemini":
            return self._gemini(name, job)
        return self._openai(name, job)

    def _openai(self, name: str, job: Job) -> Json:
        status = "validating" if not job.polls else "in_progress"
        is_over = self._is_over(job)
        if is_over:
            status = "cancelled" if job.is_cancelled else "completed"
            status = "expired" if job.refs & self.expiring else status
        counts = {"total": len(job.lines), "completed": 0, "failed": 0}
        if is_over:
            done = self._finish(name, job)
            counts |= {"completed": done[0], "failed": done[1]}
        return {
            "id": name,
            "object": "batch",
            "endpoint": job.endpoint,
            "errors": None,
            "input_file_id": job.input_file_id,
            "completion_window": "24h",
            "status": status,
            "created_at": int(time.time()),
            "metadata": job.metadata,
            "request_counts": counts,
            f"{status}_at": int(time.time()),
            **job.files,
        }

    def _finish(self, name: str, job: Job) -> tuple[int, int]:
        good, bad = [], []
        for number, (line, said) in enumerate(self._done(job)):
            shown: Json = {"id": f"r{number}", "custom_id": line.name, "error": None}
            if said is None:
                error = {"code": "batch_expired", "message": "This request was not executed."}
                bad.append(shown | {"response": None, "error": error})
                continue
            response = {"status_code": said["status"], "request_id": "q", "body": said["body"]}
            (good if said["status"] == 200 else bad).append(shown | {"response": response})
        if not job.files:
            if good:
                job.files["output_file_id"] = self._put(job.key, f"file-out-{name}", good)
            if bad:
                job.files["error_file_id"] = self._put(job.key, f"file-err-{name}", bad)
        return len(good), len(bad)

    def _anthropic(self, name: str, job: Job) -> Json:
        is_over = self._is_over(job)
        kinds = ("succeeded", "errored", "canceled", "expired")
        counts = dict.fromkeys(("processing", *kinds), 0)
        counts["processing"] = 0 if is_over else len(job.lines)
        for line, said in self._done(job) if is_over else ():
            counts[_anthropic_line(line, said)["result"]["type"]] += 1
        return {
            "id": name,
            "type": "message_batch",
            "processing_status": "ended" if is_over else "in_progress",
            "request_counts": counts,
            "created_at": _TIME,
            "expires_at": _TIME,
            "ended_at": _TIME if is_over else None,
            "cancel_initiated_at": _TIME if job.is_cancelled else None,
            "archived_at": None,
            "results_url": f"https://LEAK/{name}/results" if is_over else None,
        }

    def _gemini(self, name: str, job: Job) -> Json:
        is_over = self._is_over(job)
        state = "RUNNING" if job.polls else "PENDING"
        if is_over:
            state = "CANCELLED" if job.is_cancelled else "SUCCEEDED"
        metadata: Json = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "state": f"BATCH_STATE_{state}",
            "createTime": _TIME,
            "batchStats": {"requestCount": str(len(job.lines))},
        }
        if not is_over:
            return {"name": f"batches/{name}", "metadata": metadata}
        responses = [_gemini_line(line, said) for line, said in self._done(job) if said is not None]
        metadata |= {"endTime": _TIME}
        return {
            "name": f"batches/{name}",
            "metadata": metadata,
            "done": True,
            "response": {"inlinedResponses": {"inlinedResponses": responses}},
        }


def _key(exchange: Exchange) -> str | None:
    names = ("authorization", "x-api-key", "x-goog-api-key")
    return next((value for name in names if (value := exchange.header(name))), None)


def _anthropic_line(line: Line, said: Json | None) -> Json:
    if said is None:
        result: Json = {"type": "canceled"}
    elif said["status"] != 200:
        result = {"type": "errored", "error": said["body"]}
    else:
        result = {"type": "succeeded", "message": said["body"]}
    return {"custom_id": line.name, "result": result}


def _gemini_line(line: Line, said: Json) -> Json:
    told = {"response": said["body"]} if said["status"] == 200 else said["body"]
    return {**told, "metadata": {"key": line.name}}


def _json(body: Json) -> Said:
    return 200, _JSON, dumps(body).encode()


def _missing(name: str) -> Said:
    error = {"message": f"No such object: {name}", "type": "invalid_request_error", "code": None}
    return 404, _JSON, dumps({"error": error}).encode()
