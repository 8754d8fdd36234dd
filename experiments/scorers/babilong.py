"""BABILong's rule (booydar/babilong@7a6efee, babilong/metrics.py): the target is the only label that the answer says.

The first sentence of the answer counts, in small letters, up to where a model goes on with examples of its own. Labels that the
question names are taken out; what is left must be the target, all of it and nothing else.
"""

from collections.abc import Mapping

from rlc.data.records import Example
from rlc.experiments.scorers.measured import Measured, unparsed

_PLACES = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
_YES_NO = ("yes", "no")
_WAYS = ("e,e", "e,n", "e,s", "n,e", "n,n", "n,w", "s,e", "s,s", "s,w", "w,n", "w,s", "w,w")
LABELS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("qa1", "qa2", "qa3", "qa4", "qa11", "qa12", "qa13"), _PLACES),
    **dict.fromkeys(("qa6", "qa9", "qa17", "qa18"), _YES_NO),
    "qa5": ("bill", "fred", "jeff", "mary", "apple", "football", "milk"),
    "qa7": ("none", "one", "two", "three"),
    "qa8": ("apple", "football", "milk", "nothing"),
    "qa10": ("maybe", *_YES_NO),
    "qa14": ("bedroom", "cinema", "kitchen", "office", "park", "school"),
    "qa15": ("cat", "mouse", "sheep", "wolf"),
    "qa16": ("gray", "green", "white", "yellow"),
    "qa19": _WAYS,
    "qa20": ("bedroom", "bored", "garden", "hungry", "kitchen", "thirsty", "tired"),
}


def labels(prediction: str, example: Example) -> Measured:
    """Whether the answer names the target and no other label of the task; unparsed for a task that has none."""
    known = LABELS.get(example.task.rpartition(":")[2])
    if known is None or not example.answers:
        return unparsed()
    target = example.answers[0].lower()
    said = prediction.lower()
    for end in (".", "<context>", "<example>"):
        said = said.split(end)[0]
    question = example.question.lower()
    named = {label for label in known if label in said and label not in question}
    wanted = set(target.split(",")) if "," in target and len(target) > 3 else {target}
    return Measured(float(named == wanted))
