"""What Kaggle's answers mean, and what to do about each."""

from dataclasses import dataclass

NEXT_STEPS = {
    400: "if today's submissions are used up, run again after 00:00 UTC; else mend the file",
    401: "make a new token; note that KAGGLE_API_TOKEN and ~/.kaggle/access_token go before a key",
    403: "join and accept the rules at https://www.kaggle.com/competitions/{slug}/rules, and check "
    "competition.submission.slug: a misspelt one gets the same answer",
    404: "there is no such competition: check competition.submission.slug ({slug})",
    429: "too many requests: wait some minutes, then run the same command again",
}
OTHERWISE = "run the same command again later"


@dataclass(frozen=True)
class Accepted:
    """Kaggle took the submission."""

    ref: int


@dataclass(frozen=True)
class Refused:
    """Kaggle did not take the submission; the reason, and what to do."""

    reason: str


@dataclass(frozen=True)
class Unknown:
    """No answer came back: Kaggle may or may not have taken the submission."""

    reason: str


def explained(status: int | None, text: str, slug: str) -> str:
    """What was said, by Kaggle where there is a status, and the next step."""
    said = f"Kaggle answered {status}: " if status else ""
    return f"{said}{text}; {NEXT_STEPS.get(status or 0, OTHERWISE).format(slug=slug)}"
