"""What a Kaggle of our own knows: one competition, its entries, and the faults to come."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

TOKEN = "KGAT_7c1f0e5e2b9d4a53"
USER, KEY = "ann", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
DAY_S = 24 * 3600
PAGE = 20
"""Submissions a page, whatever the client asks for."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong at one method, once it was received."""

    how: Literal["status", "drop", "hang", "slow", "none"]
    """Answer a status; cut the connection; say nothing until the client is gone; go on once the
    test has set `released`; or nothing."""
    accepts: bool = False
    """Do what was asked first."""
    status: int = 0
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    takes_s: float = 0.0
    """Seconds that pass on Kaggle's clock before anything else happens."""


@dataclass
class Kaggle:
    """One competition, and all that the server saw and is to do."""

    slug: str = "heart"
    url: str = ""
    submissions: list[dict[str, Any]] = field(default_factory=list)
    """In order of arrival, with the uploaded bytes under `content`."""
    rules: dict[str, Any] = field(
        default_factory=lambda: {
            "deadline": "2999-12-31T23:59:00Z", "userHasEntered": True, "userRank": 7,
        }
    )  # fmt: skip
    """What GetCompetition says."""
    ahead_s: float = 0.0
    """How far its clock is ahead of this machine's."""
    lagging: bool = False
    """Whether its list does not show the newest entry yet."""
    daily: int = 5
    """Valid submissions that a day has."""
    daily_from: float = 0.0
    """Kaggle's time from which a day's submissions are given out, new ones every 24 hours."""
    total: int = 1000
    """Valid submissions that a team has."""
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    """Row id -> mask (H, W); the first half decides the public score, the rest the private one."""
    states: list[str] = field(default_factory=list)
    """What the next looks at a pending entry are told, before it is scored."""
    archive: bytes = b""
    ranges: list[str | None] = field(default_factory=list)
    """What each download of the archive asked for."""
    stuck_after: int | None = None
    """Bytes of the archive after which a download stands still."""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """Method -> what happens to its next calls, one each."""
    methods: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Upload -> the name of its file."""
    reached: threading.Event = field(default_factory=threading.Event)
    """A client waits for a silent or slow server."""
    gone: threading.Event = field(default_factory=threading.Event)
    """That client's connection has ended."""
    released: threading.Event = field(default_factory=threading.Event)
    """What is slow goes on."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def environment(self) -> dict[str, str]:
        """What points the unmodified client here, and nowhere else."""
        proxies = dict.fromkeys(
            ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), self.url
        )
        return {"KAGGLE_API_ENVIRONMENT": "LOCALHOST", "NO_PROXY": "", "no_proxy": "", **proxies}

    def enter(self, token: str, description: str) -> dict[str, Any]:
        content = self.uploads[token]
        told = {"fileName": self.names.get(token, ""), "totalBytes": len(content)}
        return self.entered(description, told, content)

    def entered(self, description: str, more: dict[str, Any], content: bytes) -> dict[str, Any]:
        entry = {
            "ref": 1000 + len(self.submissions),
            "description": description,
            "date": "2026-03-01T12:00:00.123Z",
            "status": "PENDING",
            "content": content,
            **more,
        }
        self.submissions.append(entry)
        return {"message": "Successfully submitted", "ref": entry["ref"]}

    def time(self) -> float:
        """Seconds since 1970 by its clock."""
        return time.time() + self.ahead_s

    def limits(self) -> dict[str, Any]:
        valid = sum(entry["status"] != "ERROR" for entry in self.submissions)
        days = 1 if not self.daily_from else int((self.time() - self.daily_from) // DAY_S) + 1
        left = max(0, min(days * self.daily, self.total) - valid)
        by_total = self.total < self.daily
        used = {"numToday": valid, "numTotal": valid}
        return {**used, "numAllowedNow": left, "limitedByTotal": by_total}

    def judge(self, entry: dict[str, Any]) -> None:
        """The next step of an entry that is looked at."""
        if entry["status"] in ("COMPLETE", "ERROR"):
            return
        if self.states:
            entry["status"] = self.states.pop(0)
            return
        entry |= scores(entry["content"], self.truth)

    def page(self, number: int) -> list[dict[str, Any]]:
        newest = self.submissions[::-1][self.lagging :]
        part = newest[(number - 1) * PAGE : number * PAGE]
        return [{k: v for k, v in entry.items() if k != "content"} for entry in part]

    def answer(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """The reply to an RPC."""
        if method == "IntrospectToken":
            return {"active": True, "username": USER}
        assert body["competitionName"] == self.slug
        if method == "GetCompetition":
            return {"ref": f"https://www.kaggle.com/competitions/{self.slug}", **self.rules}
        if method == "GetSubmissionLimits":
            return self.limits()
        if method == "CreateCodeSubmission":
            told = {key: body[key] for key in ("kernelOwner", "kernelSlug", "kernelVersion")}
            return self.entered(body["submissionDescription"], told, b"")
        if method == "StartSubmissionUpload":
            token = f"blob-{len(self.names)}"
            self.names[token] = body["fileName"]
            return {"token": token, "createUrl": f"{self.url}/upload/{token}"}
        if method == "CreateSubmission":
            return self.enter(body["blobFileTokens"], body["submissionDescription"])
        assert method == "ListSubmissions", method
        for entry in self.submissions:
            self.judge(entry)
        return {"submissions": self.page(body.get("page", 1))}


def scores(content: bytes, truth: dict[str, np.ndarray]) -> dict[str, Any]:
    """What Kaggle makes of a CSV: the mean Dice of its rows, or why it has none."""
    rows = [line.split(",") for line in content.decode().splitlines()[1:]]
    if sorted(row[0] for row in rows) != sorted(truth):
        reason = f"Evaluation Exception: Submission must have {len(truth)} rows"
        return {"status": "ERROR", "errorDescription": reason}
    dice = []
    for id, text in rows:
        pixels = np.zeros(truth[id].size, bool)
        numbers = [int(word) for word in text.split()]
        for start, length in zip(numbers[::2], numbers[1::2], strict=True):
            pixels[start - 1 : start - 1 + length] = True
        pred_HW = pixels.reshape(truth[id].shape[::-1]).T
        both, either = int((pred_HW & truth[id]).sum()), int(pred_HW.sum() + truth[id].sum())
        dice.append(2 * both / either if either else 1.0)
    half = -(-len(dice) // 2)
    public, private = (f"{np.mean(part):.5f}" for part in (dice[:half], dice[half:]))
    return {"status": "COMPLETE", "publicScore": public, "privateScore": private}
