"""One world from one seed: it is built, runs while faults strike, comes to rest, and is judged."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import NoReturn

from connectors.registry import Registry as Connectors
from deploy.drawing import Graphviz
from deploy.installed_connectors import InstalledConnectors
from deploy.settings import Settings
from deploy.wiring import Parts
from engine.resources.directory import Directory
from engine.resources.organisation import Participant
from engine.runner import Runner
from engine.store.access import in_memory
from engine.store.memory_gates import MemoryGates
from engine.store.memory_happenings import MemoryHappenings
from engine.store.memory_registry import MemoryRegistry
from engine.store.port import Store
from engine.worklist import Worklist
from tests.simulation.administrator import Administrator
from tests.simulation.broker import Bell, Broker
from tests.simulation.clock import Clock
from tests.simulation.connectors import FickleConnector
from tests.simulation.faults import Fault, Faults
from tests.simulation.faulty_redis import clock_of_redis, redis_stores
from tests.simulation.faulty_store import FaultyStore, away
from tests.simulation.grown import grown
from tests.simulation.initiators import Initiator, Rescuer
from tests.simulation.ledger import Ledger
from tests.simulation.nets import SCENARIOS, Scenario, definitions
from tests.simulation.office import ABSENT, PEOPLE, Office, RequestDied
from tests.simulation.operations import Operations
from tests.simulation.people import Person
from tests.simulation.plan import FEW_CASES, MOST_CASES, Plan, Report
from tests.simulation.planted import planted_store
from tests.simulation.scheduler import SECOND, Killed, NeverAtRest, Process, Scheduler
from tests.simulation.stand_ins import stand_ins
from tests.simulation.verdict import Verdict
from tests.simulation.violation import Violation
from tests.simulation.watch import Watch
from tests.simulation.workers import FIRST_RESTART_S, LAST_RESTART_S, Beat, Worker

LONGEST_OPERATION_US = (2_000, 2_000, 2_000, 80_000)
"""How long an operation of the store may take. Where it is slow, a drain's time is over before its events are."""

CROWDED = 0.04
GROWN = 0.3
"""How many of the cases run a net that grew from the seed."""

MOST_CALM_S = 400
"""How long a world may take to come to rest after the last fault, beside what a clock that was set back costs."""


def run(plan: Plan, *, traced: bool = False) -> Report:
    """Runs one seed to its end."""
    return World(plan, traced=traced).run()


class World:
    """Everything there is."""

    def __init__(self, plan: Plan, *, traced: bool = False) -> None:
        self.plan = plan
        seed = str(plan.seed)
        luck = Random(f"{seed}/world")
        self._luck = luck
        self.scheduler = Scheduler(seed, luck.choice((0.1, 0.3, 0.6, 0.95)))
        self.faults = Faults(seed, plan.dropped, plan.off)
        self.clock = Clock(self.scheduler)
        self.operations = Operations(
            self.scheduler, self.faults, self._crash, self._mishap, luck.choice(LONGEST_OPERATION_US)
        )
        if traced:
            self.operations.trace = []
        self.ledger = Ledger()
        self.broker = Broker(self.scheduler, self.faults)
        self.shards = luck.randint(1, 3)
        self._patches = ExitStack()
        self.truth, store = self._stores()
        self.connector = FickleConnector(self.scheduler, self.faults, plan.seed)
        self.scenarios = self._chosen()
        self.definitions = definitions(self.scenarios.values())
        meddling = luck.choice((0.0, 0.5))
        meddled = [f"c{nth}" for nth in range(MOST_CASES) if luck.random() < meddling]
        self.meddled = frozenset(case for case in meddled if case in self.scenarios)
        self.verdict = Verdict(
            self.truth, self.watch, self.ledger, self.definitions, self.connector.made, self.scenarios, self.meddled
        )
        self.workers = self._workers(store)
        # Two beats at once are harmless, and for availability there may be two.
        self.beats = [
            Beat(f"beat-{n}", self.scheduler, self.broker, self.faults) for n in range(luck.choice((1, 1, 2)))
        ]
        self.office = self._office(store)
        self._clients: list[Process] = []
        self._faulty_for_s = luck.uniform(5, 40)

    # -- the life of a world -------------------------------------------------------------------------------------

    def run(self) -> Report:
        """Lets faults strike for a while, then none, until nothing is left to do; judges, and tells."""
        report = Report(self.plan)
        reporters = self._luck.choice((1, 1, 2))
        with self._patches, stand_ins(self.scheduler, self.operations, self.plan.seed, reporters):
            try:
                self._begin()
                self.scheduler.sleep(round(self._faulty_for_s * SECOND))
                self._calm()
                report.rest_s = self._rest()
                self.verdict.judge()
            except Violation as violation:
                report.promise, report.problem = violation.promise, str(violation)
            except NeverAtRest as busy:
                report.promise, report.problem = "every case ends or waits for someone", str(busy)
            except Exception as error:  # noqa: BLE001
                # Whatever production code raises where nothing may be raised is a find like any other.
                report.promise, report.problem = f"nothing raises ({type(error).__name__})", repr(error)
            finally:
                self._end()
            self._tell(report)
        return report

    def _begin(self) -> None:
        for worker in self.workers:
            worker.boot()
        for beat in self.beats:
            beat.boot()
        for name in sorted(self.office.present):
            self._client(name, Person(name, self.office).work)
        for case_id, scenario in self.scenarios.items():
            # Its own stream of chance: a case that is left out leaves the others as they were.
            luck = Random(f"{self.plan.seed}/{case_id}")
            steers = luck.choice(("", "", "", "", "s", "ss", "cancel"))
            # What is posted before a delayed start is ignored, and the case would wait for ever.
            not_before = luck.choice((0, 0, 0, 3_000)) if scenario.trigger is None else 0
            initiator = Initiator(case_id, scenario, self.office, not_before_ms=not_before, steers=steers)
            self._client(f"initiator-{case_id}", initiator.work)
        self._client("rescuer", Rescuer(self.office).work)
        self._client("administrator", Administrator(self.office).work)

    def _calm(self) -> None:
        self.faults.over = True
        self.office.closes = True
        self.operations.away_until = 0
        self.operations.say("no more faults")

    def _rest(self) -> float:
        """Waits until nothing is left to do, up to a bound; how many seconds it took."""
        began = self.scheduler.now
        until = self.scheduler.now + (MOST_CALM_S + self.clock.back_ms // 1000) * SECOND
        while self.scheduler.now < until:
            self.scheduler.sleep(2 * SECOND)
            if self.verdict.at_rest():
                break
        return (self.scheduler.now - began) / SECOND

    def _end(self) -> None:
        started = [each.process for each in self.workers] + [each.process for each in self.beats]
        self.scheduler.unwind(started + self._clients)

    def _tell(self, report: Report) -> None:
        report.turns, report.operations = self.scheduler.turns, self.operations.done
        report.looks, report.cases = self.watch.looks, len(self.watch.cases)
        report.seconds = self.scheduler.now / SECOND
        report.faults, report.fault_names = self.faults.struck, tuple(self.faults.names)
        report.trace = tuple(self.operations.trace or ())
        digest = blake2b(digest_size=8)
        for case_id in self.watch.cases:
            case = self.truth.case(case_id)
            report.ends[str(case.status) if case is not None else "missing"] += 1
            digest.update(repr((case_id, case, self.truth.journal(case_id))).encode())
        digest.update(repr((report.turns, report.operations, report.fault_names)).encode())
        report.digest = digest.hexdigest()

    # -- mishaps -------------------------------------------------------------------------------------------------

    def _crash(self) -> NoReturn:
        process = self.scheduler.current.process
        for worker in self.workers:
            if worker.process is process:
                worker.dies(self.scheduler.current.luck.uniform(FIRST_RESTART_S, LAST_RESTART_S))
                raise Killed
        raise RequestDied

    def _mishap(self, fault: Fault) -> None:
        luck = self.scheduler.current.luck
        match fault:
            case Fault.CLOCK_FORWARD | Fault.CLOCK_BACK:
                self.clock.jump(luck, back=fault is Fault.CLOCK_BACK)
            case Fault.BROKER_EMPTIED:
                self.broker.empty()
            case Fault.SHUT_DOWN:
                luck.choice(self.workers).shut_down()
            case _:
                raise AssertionError(f"{fault} strikes elsewhere")

    # -- what it is made of --------------------------------------------------------------------------------------

    def _stores(self) -> tuple[Store, Store]:
        """The store past all faults, and as actors reach it."""
        blind = self.plan.blind
        if not self.plan.redis:
            memory = planted_store(self.plan.plant, self.shards, self.clock.now, self._between)
            self.watch = Watch(memory, self.ledger, blind=blind)
            return memory, FaultyStore(memory, self.operations, self.watch)
        self._patches.enter_context(clock_of_redis(self.clock.now))
        self.faults.over = True
        truth, self.watch, store = redis_stores(
            self.shards, self.operations, lambda plain: Watch(plain, self.ledger, blind=blind)
        )
        self.faults.over = False
        return truth, store

    def _between(self) -> None:
        self.operations.do("between the halves of a commit", lambda: None, away)

    def _chosen(self) -> dict[str, Scenario]:
        count = MOST_CASES if self._luck.random() < CROWDED else self._luck.randint(1, FEW_CASES)
        chosen = [
            grown(self._luck, f"grown-{nth}") if self._luck.random() < GROWN else self._luck.choice(SCENARIOS)
            for nth in range(count)
        ]
        return {f"c{nth}": scenario for nth, scenario in enumerate(chosen) if nth in self.plan.cases}

    def _workers(self, store: Store) -> list[Worker]:
        registry = MemoryRegistry(self.clock.now)
        for name in PEOPLE:
            registry.put_participant(Participant(name, roles=("clerk",)))
        registry.put_participant(Participant(ABSENT, roles=("absent",)))
        directory = Directory(registry, store)
        runner = Runner(store, self.definitions, directory.snapshot)
        url = "redis://nowhere"
        settings = Settings(redis_url=url, broker_url=url, data_dir=Path("nowhere"), shards=self.shards)
        connectors = Connectors([self.connector])
        self.parts = Parts(
            settings=replace(settings, connect_threads=self._luck.randint(1, 3)),
            store=store,
            registry=registry,
            definitions=self.definitions,
            directory=directory,
            runner=runner,
            worklist=Worklist(store, runner),
            connectors=connectors,
            installed=InstalledConnectors(connectors, [], [self.connector], {}, lambda settings: settings, registry),
            doorbell=Bell(self.broker, self.scheduler),
            gates=MemoryGates(store.now),
            access=in_memory(registry, store.now),
            happenings=MemoryHappenings(),
            draw=Graphviz(),
        )
        return [
            Worker(
                f"worker-{n}",
                self.scheduler,
                self.broker,
                self.parts,
                makes_calls=n == 0 or self._luck.random() < 0.6,
                lines=self._luck.randint(1, 2),
            )
            for n in range(self._luck.randint(2, 3))
        ]

    def _office(self, store: Store) -> Office:
        return Office(
            self.scheduler,
            self.faults,
            store,
            self.parts.worklist,
            self.definitions,
            Bell(self.broker, self.scheduler),
            self.ledger,
            thinking_s=self._luck.choice((0.2, 1.0, 4.0)),
            claiming=self._luck.choice((0.0, 0.5)),
            most_waiting=self._luck.choice((None, None, 2)),
            present=frozenset(PEOPLE[: self._luck.randint(1, len(PEOPLE))]),
            meddled=self.meddled,
        )

    def _client(self, name: str, work: Callable[[], None]) -> None:
        process = Process(f"api-{name}")
        self._clients.append(process)
        self.scheduler.spawn(name, work, process)
