"""The scenarios: each fault with the installation it is injected into, and what may be lost."""

from dataclasses import dataclass, field

from tests.chaos import faults
from tests.chaos.faults import Fault
from tests.chaos.runs import Load
from tests.chaos.site import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One fault.

    `forgiven_s`: what was acknowledged so shortly before the crash may be lost.
    """

    name: str
    fault: Fault
    layout: Layout = field(default_factory=Layout)
    load: Load = field(default_factory=Load)
    forgiven_s: float = 0.0


PLAIN = Layout()
OWN_BROKER = Layout(own_broker=True)
MOVABLE = Layout(movable_clock=True)
PROXIED = Layout(proxied=True, own_broker=True)
ALWAYS = Layout(redis=("--appendonly", "yes", "--appendfsync", "always"))
EVERYSEC = Layout(redis=("--appendonly", "yes", "--appendfsync", "everysec"))
REPLICATED = Layout(replicated=True, proxied=True, own_broker=True, redis=EVERYSEC.redis)

BUSY = Load(submitters=4, per_s=10, kinds=("sequence", "fan", "timed"), before=60, after_s=3)
"""More than two workers can do on a machine of two cores, so that whoever is killed had much to do."""

EVERYTHING = Layout(proxied=True, own_broker=True, redis=ALWAYS.redis)
"""An installation into which most faults can be injected one after another."""

SCENARIOS = (
    Scenario(name="a worker killed", fault=faults.worker_killed),
    Scenario(name="a worker killed under load", fault=faults.worker_killed, load=BUSY),
    Scenario(name="all workers killed", fault=faults.all_workers_killed),
    Scenario(name="beat killed", fault=faults.beat_killed),
    Scenario(name="the API killed", fault=faults.api_killed),
    Scenario(name="all of them killed", fault=faults.all_killed),
    Scenario(name="two beats", fault=faults.two_beats),
    Scenario(name="a worker halted past its lease", fault=faults.worker_halted),
    Scenario(name="Redis halted for 7 s", fault=faults.redis_halted),
    Scenario(name="Redis stopped, always", fault=faults.redis_stopped, layout=ALWAYS),
    Scenario(name="Redis killed, always", fault=faults.redis_killed, layout=ALWAYS),
    Scenario(name="Redis stopped, everysec", fault=faults.redis_stopped, layout=EVERYSEC),
    Scenario(name="Redis killed, everysec", fault=faults.redis_killed, layout=EVERYSEC),
    Scenario(name="power lost, everysec", fault=faults.power_lost, layout=EVERYSEC, forgiven_s=1.2),
    Scenario(name="failover to a replica", fault=faults.failed_over, layout=REPLICATED, forgiven_s=1.0),
    Scenario(name="broker emptied", fault=faults.broker_emptied, layout=OWN_BROKER),
    Scenario(name="broker away", fault=faults.broker_away, layout=OWN_BROKER),
    Scenario(name="clock an hour on", fault=faults.clock_forward, layout=MOVABLE),
    Scenario(name="clock an hour back", fault=faults.clock_back, layout=MOVABLE),
    Scenario(name="Redis slow (0.4 s)", fault=faults.redis_slow, layout=PROXIED),
    Scenario(name="Redis slower than a lease", fault=faults.redis_slower_than_a_lease, layout=PROXIED),
    Scenario(name="connections cut", fault=faults.connections_cut, layout=PROXIED),
    Scenario(name="replies lost", fault=faults.replies_lost, layout=PROXIED),
    Scenario(name="network deaf", fault=faults.deaf, layout=PROXIED),
    Scenario(name="disk full, everysec", fault=faults.disk_full, layout=EVERYSEC),
    Scenario(name="memory full", fault=faults.memory_full, layout=OWN_BROKER),
    Scenario(name="memory full, broker too", fault=faults.memory_full),
)
