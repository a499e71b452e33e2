"""Why something failed, in one line, out of Ray's nested tracebacks."""

import re

_RAISED = re.compile(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Exit)): (.+)$")


def reason_of(error: object) -> str:
    """The message of the exception that was raised first, without its traceback.

    A ValueError's message is a sentence for the user; others keep the name of their class.
    """
    lines = str(error).strip().split("\n")
    raised = [match for line in lines if (match := _RAISED.match(line.strip()))]
    if not raised:
        return lines[-1]
    kind, text = raised[-1].groups()
    return text if kind == "ValueError" else f"{kind}: {text}"
