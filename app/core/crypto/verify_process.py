"""Verifies uploaded files in a process of its own, so that no file takes more time or memory than is allowed for it."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from app.core.crypto.verify_signature import Finding, SignatureVerdict, trusted_roots, verify
from app.core.limited_process import LimitedProcess, Overran, serve

PROCESS = LimitedProcess("app.core.crypto.verify_process")
MOMENTS = ("signed_at", "revoked_at")


def verify_apart(paper: bytes, folder: Path, *, at: datetime, process: LimitedProcess = PROCESS) -> SignatureVerdict:
    """As ``verify`` with the roots of this seal folder; ``UNCHECKED`` for a file that took too much."""
    asked = json.dumps({"folder": str(folder), "at": at.isoformat()}).encode() + b"\n" + paper
    try:
        told: dict[str, Any] = json.loads(process.ask(asked))
    except Overran:
        return SignatureVerdict(Finding.UNCHECKED)
    moments = {name: datetime.fromisoformat(told[name]) if told[name] else None for name in MOMENTS}
    return SignatureVerdict(**told | moments | {"finding": Finding(told["finding"])})  # type: ignore[call-arg]


def _answer(question: bytes) -> bytes:
    head, _newline, paper = question.partition(b"\n")
    asked = json.loads(head)
    verdict = verify(paper, trusted_roots(Path(asked["folder"])), at=datetime.fromisoformat(asked["at"]))
    moments = {name: moment.isoformat() if (moment := getattr(verdict, name)) else "" for name in MOMENTS}
    return json.dumps(asdict(verdict) | moments | {"finding": verdict.finding.value}).encode()


if __name__ == "__main__":
    serve(_answer)
