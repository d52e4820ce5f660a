"""The scheduler: many actors, of which exactly one runs at a time, chosen by the seed at every point where they meet.

Production code is synchronous, so an actor is a coroutine whose stack is that of a thread; the thread waits for its
baton whenever it is not its turn. The kernel's threads decide nothing: who goes on, and how much time has passed,
follows from the seed alone. An actor that is killed goes no further than the point it had reached.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random
from threading import Lock
from typing import Final

from tests.simulation.carriers import carry

SECOND: Final = 1_000_000
"""The scheduler counts microseconds."""

MOST_TURNS: Final = 400_000
"""Turns of one seed. A world that takes more never comes to rest."""


class Killed(BaseException):
    """The actor is no more. No code may handle it, as no code handles the end of its process."""


class NeverAtRest(AssertionError):
    """The actors kept each other busy beyond every bound."""


class Process:
    """A process: its actors die together, and stand still together while it is frozen."""

    __slots__ = ("actors", "alive", "frozen_until", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen_until = 0
        self.actors: list[Actor] = []


class Actor:
    """One line of execution. `points` counts the points it has reached; `luck` is its own stream of chance."""

    __slots__ = ("baton", "blocked", "done", "doomed", "luck", "name", "points", "process", "ticket", "watchers")

    def __init__(self, name: str, process: Process, luck: Random) -> None:
        self.name = name
        self.process = process
        self.luck = luck
        self.points = 0
        self.baton = Lock()
        self.baton.acquire()
        self.ticket = 0
        self.blocked = False
        self.done = False
        self.doomed = False
        self.watchers: list[Actor] = []


class Scheduler:
    """Whose turn it is, and what time it is. `restless` is how likely another actor goes on at each point."""

    def __init__(self, seed: str, restless: float) -> None:
        self._seed = seed
        self._luck = Random(f"{seed}/turns")
        self._restless = restless
        self._ready: list[Actor] = []
        self._doomed: list[Actor] = []
        self._later: list[tuple[int, int, Actor | Callable[[], None], int]] = []
        self._order = count()
        self._named: dict[str, int] = {}
        self.now = 0
        self.turns = 0
        self.failure: BaseException | None = None
        # The thread that builds the world is its first actor: it directs, and looks at how it ends.
        self.director = Actor("director", Process("director"), Random(f"{seed}/director"))
        self.current = self.director

    # -- actors --------------------------------------------------------------------------------------------------

    def spawn(self, name: str, body: Callable[[], None], process: Process | None = None) -> Actor:
        """A new actor, ready to run. Without a process it lives in that of the actor that runs."""
        process = process or self.current.process
        self._named[name] = nth = self._named.get(name, 0) + 1
        unique = name if nth == 1 else f"{name}#{nth}"
        actor = Actor(unique, process, Random(f"{self._seed}/{unique}"))
        process.actors.append(actor)
        self._ready.append(actor)

        def job() -> Callable[[], None]:
            actor.baton.acquire()
            try:
                if not actor.doomed:
                    body()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001
                # Whatever goes wrong ends the whole run: the director raises it again.
                if self.failure is None:
                    self.failure = error
            return lambda: self._leave(actor)

        carry(job)
        return actor

    def kill(self, process: Process) -> None:
        """Ends a process. If the actor that runs is of it, the caller must raise `Killed`."""
        process.alive = False
        for actor in process.actors:
            if actor is not self.current and not actor.done and not actor.doomed:
                actor.doomed = True
                self._doomed.append(actor)
        process.actors = [actor for actor in process.actors if not actor.done]

    def later(self, at: int, what: Callable[[], None]) -> None:
        """Something happens of itself at a moment. It must not pause."""
        heappush(self._later, (at, next(self._order), what, 0))

    # -- turns ---------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """A point where another actor may go on. The caller stays ready."""
        self._ready.append(self.current)
        self._pass_on(stay=self._luck.random() >= self._restless)

    def sleep(self, microseconds: int) -> None:
        """The caller goes on when so much time has passed."""
        self.block(self.now + max(microseconds, 1))

    def block(self, until: int | None = None) -> None:
        """The caller goes on when it is woken, or at a moment."""
        me = self.current
        me.blocked = True
        me.ticket += 1
        if until is not None:
            heappush(self._later, (until, next(self._order), me, me.ticket))
        self._pass_on(stay=False)

    def wake(self, actor: Actor) -> None:
        """An actor that is blocked can go on."""
        if actor.blocked:
            actor.blocked = False
            actor.ticket += 1
            self._ready.append(actor)

    def passes(self, microseconds: int) -> None:
        """Time passes while the caller works."""
        self.now += microseconds

    def _pass_on(self, *, stay: bool) -> None:
        me = self.current
        if not me.process.alive:
            # It was killed, and is only clearing up what nobody will see.
            self._withdraw(me)
            raise Killed
        following = self._next(me if stay else None)
        if following is not me:
            self.current = following
            following.baton.release()
            me.baton.acquire()
        if me.doomed:
            raise Killed
        if me is self.director and self.failure is not None:
            raise self.failure

    def _leave(self, actor: Actor) -> None:
        actor.done = True
        for watcher in actor.watchers:
            self.wake(watcher)
        self.current = following = self._next(None)
        following.baton.release()

    def _next(self, wanted: Actor | None) -> Actor:
        self.turns += 1
        if self.turns > MOST_TURNS and self.failure is None:
            self.failure = NeverAtRest(f"{MOST_TURNS} turns, and no rest")
        if self._doomed:
            doomed = self._doomed.pop()
            self._withdraw(doomed)
            return doomed
        if self.failure is not None:
            self._withdraw(self.director)
            return self.director
        while True:
            self._ring()
            if not self._ready:
                self.now = max(self.now, self._later[0][0])
                continue
            if wanted is not None:
                found, wanted = len(self._ready) - 1, None
            else:
                found = self._luck.randrange(len(self._ready)) if len(self._ready) > 1 else 0
            actor = self._ready.pop(found)
            if actor.process.frozen_until <= self.now:
                return actor
            actor.ticket += 1
            heappush(self._later, (actor.process.frozen_until, next(self._order), actor, actor.ticket))

    def _ring(self) -> None:
        """Makes ready whoever has slept long enough, and lets happen what is due."""
        later = self._later
        while later and later[0][0] <= self.now:
            _, _, what, ticket = heappop(later)
            if not isinstance(what, Actor):
                what()
            elif what.ticket == ticket and not what.done and not what.doomed:
                what.ticket += 1
                what.blocked = False
                self._ready.append(what)

    def _withdraw(self, actor: Actor) -> None:
        actor.ticket += 1
        actor.blocked = False
        if actor in self._ready:
            self._ready.remove(actor)

    # -- the end -------------------------------------------------------------------------------------------------

    def unwind(self, processes: list[Process]) -> None:
        """Ends all actors, so that their threads are free again. The director calls it, and goes on alone."""
        self.failure = None
        self._later.clear()
        self._ready.clear()
        for process in processes:
            self.kill(process)
        while self._doomed:
            self._ready.append(self.director)
            self.current = following = self._next(None)
            following.baton.release()
            self.director.baton.acquire()
        self.current = self.director
