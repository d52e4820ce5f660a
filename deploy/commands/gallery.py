"""The examples of the gallery that ship with the package.

`examples` beside this file is a link to `docs/gallery`, where people look for them; a built package holds the files.
"""

from importlib.resources import files

ORDER_FULFILMENT = "order-fulfilment.yaml"


def example(name: str) -> str:
    """The text of an example."""
    return files("deploy.commands").joinpath("examples", name).read_text(encoding="utf-8")
