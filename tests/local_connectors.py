"""Connectors that may call this machine: the services that tests call are here."""

from pathlib import Path


def allowing_this_machine(directory: Path, more: str = "") -> Path:
    """Where the configuration is written that allows it; `more`: what else it says of HTTP."""
    place = directory / "connectors.yaml"
    place.write_text(f"http: {{allow: [127.0.0.0/8]{more}}}\n")
    return place
