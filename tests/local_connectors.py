"""Connectors that may call this machine: the services that tests call are here."""

from pathlib import Path


def allowing_this_machine(directory: Path) -> Path:
    """Where the configuration is written that allows it."""
    place = directory / "connectors.yaml"
    place.write_text("http: {allow: [127.0.0.0/8]}\n")
    return place
