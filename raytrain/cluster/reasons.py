"""Why something failed, in one line, out of Ray's nested tracebacks."""

import re

_RAISED = re.compile(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Exit)): (.+)$")


_KILLED = re.compile(
    r"killed due to the node running low on memory\. Memory on the node \(.*?\) was "
    r"(\S+) used / (\S+) limit"
)
"""What Ray's memory monitor begins its long account with; its last lines are advice."""


def reason_of(error: object) -> str:
    """The message of the exception that was raised first, without its traceback.

    A ValueError's message is a sentence for the user; others keep the name of their class.
    """
    killed = _KILLED.search(str(error))
    if killed:
        used, limit = killed.groups()
        return (
            f"out of memory: Ray's monitor killed its worker when the node used {used} of {limit}"
        )
    lines = str(error).strip().split("\n")
    raised = [match for line in lines if (match := _RAISED.match(line.strip()))]
    if not raised:
        return lines[-1]
    kind, text = raised[-1].groups()
    return text if kind == "ValueError" else f"{kind}: {text}"
