"""What is averaged, and named."""

from tests.adversaries.attacks import Attack, Finder, Found

ADMITTED = (
    Attack(
        "copies-tensors",
        "sends another node's tensors in a file of its own, which is averaged",
        "admitted",
        (Found(Finder.REPORT, ('"duplicates":[[1,3]]',)),),
    ),
)
