"""Why something failed, in one line, out of Ray's nested tracebacks."""

import re

_RAISED = re.compile(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Exit)): (.+)$")


def reason_of(error: object) -> str:
    """The message of the exception that was raised first, without its traceback.

    A ValueError's message is a sentence for the user; others keep the name of their class.
    """
    raised = _raised(error)
    if raised is None:
        return str(error).strip().split("\n")[-1]
    kind, text = raised
    return text if kind == "ValueError" else f"{kind}: {text}"


def is_refusal(error: object) -> bool:
    """Whether it is a sentence for the user, which the same command would meet again."""
    raised = _raised(error)
    return raised is not None and raised[0] == "ValueError"


def _raised(error: object) -> tuple[str, str] | None:
    """Class and message of the exception that was raised first."""
    lines = str(error).strip().split("\n")
    raised = [match for line in lines if (match := _RAISED.match(line.strip()))]
    if not raised:
        return None
    kind, text = raised[-1].groups()
    return kind, text
