"""A call into a child comes back, whatever happens in it."""

import os

import pytest

from raytrain.submission.child import call

START = "from raytrain.submission.child import serve\nimport os, sys, time\n"


def reply(code: str, limit_s: float = 60.0) -> dict:
    return call(["-c", START + code], {"name": "a\nb"}, limit_s, dict(os.environ))


def test_what_is_printed_is_not_part_of_the_answer(capfd: pytest.CaptureFixture[str]) -> None:
    code = (
        "def answered(request):\n"
        "    print('noise'); os.system('echo more'); print('x', file=sys.stderr)\n"
        "    return {'said': request['name']}\n"
        "serve(answered)"
    )
    assert reply(code) == {"said": "a\nb"}
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise OSError('no home')", "the client ended without an answer: OSError: no home"),
        ("os._exit(0)", "the client ended without an answer: no output"),
        ("serve(lambda request: sys.exit('bye'))", "the client ended without an answer: bye"),
        (
            "serve(lambda request: {'value': object()})",
            "the client ended without an answer: TypeError",
        ),
    ],
)
def test_a_child_that_dies_says_why(code: str, why: str) -> None:
    assert reply(code)["lost"].startswith(why)


def test_a_child_that_hangs_is_ended() -> None:
    assert reply("serve(lambda request: time.sleep(600))", 1.0) == {"lost": "no answer within 1 s"}
