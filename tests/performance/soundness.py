"""How long it takes to check whether nets are sound: `python -m tests.performance.soundness`.

The gallery, and nets made by chance with about 20, 50 and 100 tasks: blocks within blocks as they are (sound), with one
thing changed and with three (a join, an arc, a region, a partial join, a mutex, instances; most are not sound then).
"""

import time
from collections.abc import Iterable
from pathlib import Path
from random import Random
from statistics import median

import click

from engine.spec.model import Net
from engine.spec.read import read_specification
from engine.spec.reduction import reduced
from engine.spec.soundness import Soundness, check
from tests.spec.random_nets import RICH, random_net_of

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"
SIZES = (20, 50, 100)
CHANGES = (0, 1, 3)


@click.command()
@click.option("--nets", default=40, show_default=True, help="Nets of each size and number of changes.")
def main(nets: int) -> None:
    """Measures the gallery and nets made by chance."""
    click.echo(f"{'nets':34} {'tasks':>5} {'reduced':>7} {'ms':>7} {'p90':>7} {'most':>7} {'states':>7}  sound  unsure")
    for path in sorted(GALLERY.glob("*.yaml")):
        specification = read_specification(path.read_text(encoding="utf-8"), name=path.name)
        for each in specification.nets.values():
            _show(f"{path.stem} {each.name}", [each])
    for size in SIZES:
        for changes in CHANGES:
            found = [random_net_of(size, changes, RICH, Random(seed)) for seed in range(nets)]
            _show(f"by chance, {changes} changes", found)


def _show(name: str, nets: Iterable[Net]) -> None:
    checked = [(net, *_timed(net)) for net in nets]
    times = sorted(spent for _, _, spent in checked)
    tasks = median(len(net.tasks) for net, _, _ in checked)
    left = median(len(reduced(net).net.tasks) for net, _, _ in checked)
    sound = sum(found.sound for _, found, _ in checked)
    unsure = sum(not found.whole and not found.findings for _, found, _ in checked)
    states = median(found.states for _, found, _ in checked)
    of_ten = times[int(len(times) * 0.9)]
    click.echo(
        f"{name:34} {tasks:5.0f} {left:7.0f} {median(times):7.1f} {of_ten:7.1f} {times[-1]:7.1f} {states:7.0f}"
        f"  {sound:2}/{len(checked):<2}  {unsure}"
    )


def _timed(net: Net) -> tuple[Soundness, float]:
    start = time.perf_counter()
    found = check(net)
    return found, (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
