"""What `init` asks if masks or test images are lacking."""

from collections.abc import Sequence

from raytrain.data.guess.pairs import Paired
from raytrain.data.guess.said import Candidate, Question, Said
from raytrain.runs.messages import counted


def no_test() -> Question:
    """Return the question where the test images are."""
    return Question(
        "competition.format.test_image",
        "every image has a mask; where are the test images?",
        (
            Candidate('test_image: "test/{name}.png"', "write their path below the folder"),
            Candidate(
                "splits: {name: ranges, train: 1-80, test: 81-100}", "by the numbers in their names"
            ),
        ),
    )


def without_masks(pairs: Sequence[Paired]) -> tuple[dict[str, Said], tuple[Question, ...]]:
    """Return the key `unlisted` of the format, and the question what it means that an image has no
    mask; both are empty if each image of `pairs` has one."""
    count = sum(len(pair.images.members) - len(pair.of) for pair in pairs)
    if not count:
        return {}, ()
    without = f"{counted(count, 'image')} without a mask"
    question = Question(
        "competition.format.unlisted",
        f"{without} beside the others: what does this mean?",
        (
            Candidate("unlisted: unlabelled", "nobody annotated them; they are not used"),
            Candidate("unlisted: empty", "they show no object; their masks are background"),
        ),
    )
    return {"unlisted": Said("unlabelled", without)}, (question,)
