"""The Celery application: its queues, its tasks, and the choices that make its messages mere hints.

Three queues, so that each kind of work can be scaled by itself: `dispatch` (drains), `connect` (connector calls) and
`upkeep` (what was left lying). A message carries only the number of a shard; all state is in the store.
"""

from collections.abc import Callable
from typing import Any

from celery import Celery, Task
from celery.exceptions import Ignore
from celery.signals import worker_shutdown
from kombu.entity import Queue

from deploy.doorbell import CALL_TASK, CONNECT_QUEUE, DISPATCH_QUEUE, DRAIN_TASK, LET_IN_TASK, UPKEEP_QUEUE
from deploy.garbage import collect_seldom
from deploy.settings import Settings
from deploy.wiring import Parts
from workers import fanout, timers, upkeep
from workers.chunks import Numbers
from workers.fanout import FanOut
from workers.keeping import Keeper
from workers.station import Station
from workers.webhooks import Courier

RECOVER_TASK = "workers.upkeep.recover"
TICK_TASK = "workers.timers.tick"
BACKUP_TASK = "workers.keeping.back_up"
ARCHIVE_TASK = "workers.keeping.archive"
WEBHOOKS_TASK = "workers.webhooks.round"

WEBHOOKS_ROUND_S = 1.0
"""How often ends are collected, and what is due is sent."""

BACKUP_LOOKED_FOR_S = 30.0
"""How often it is asked whether a backup is due."""

ARCHIVE_ROUND_S = 5.0
"""How long it is from one round of the archive to the next."""


def create_app(settings: Settings, build: Callable[[Settings], Parts]) -> Celery:
    """The application for one installation. The parts are built in the worker, when its first task comes."""
    app = Celery("casewright", broker=settings.broker_url)
    app.conf.update(configuration(settings))
    fan_out = FanOut(app)
    stations: list[Station] = []
    keepers: list[Keeper] = []
    couriers: list[Courier] = []

    def keeper() -> Keeper:
        if not keepers:
            keepers.append(Keeper(station().parts))
        return keepers[0]

    def courier() -> Courier:
        if not couriers:
            couriers.append(Courier(station().parts))
        return couriers[0]

    def station() -> Station:
        if not stations:
            makes_calls = CONNECT_QUEUE in app.amqp.queues.consume_from
            stations.append(Station(build(settings), fan_out.send, makes_calls=makes_calls))
            collect_seldom()
        return stations[0]

    @app.task(name=DRAIN_TASK)  # type: ignore[untyped-decorator]
    def drain(shard: int) -> None:
        """Handles the events of a shard."""
        station().drain(shard)

    @app.task(name=CALL_TASK)  # type: ignore[untyped-decorator]
    def call(shard: int) -> None:
        """Makes connector calls of a shard."""
        station().call(shard)

    @app.task(name=LET_IN_TASK)  # type: ignore[untyped-decorator]
    def let_in(gate: str) -> None:
        """Makes connector calls that wait at a gate."""
        station().let_in(gate)

    @app.task(name=fanout.CHUNK_TASK, bind=True)  # type: ignore[untyped-decorator]
    def chunk(task: Task, shard: int, case_id: str, connector: str, numbers: list[int]) -> None:
        """Makes the connector calls of a part of a multiple-instance task."""
        over = fan_out.ending(task.request)
        station().chunk(shard, Numbers(case_id, connector, tuple(numbers)), over)
        # It is over when its last call is, and Celery is told so then.
        raise Ignore

    @app.task(name=fanout.GATHER_TASK)  # type: ignore[untyped-decorator]
    def gather(shard: int) -> None:
        """Handles the events of a shard, among which are the last outcomes of a chord."""
        station().drain(shard)

    @app.task(name=RECOVER_TASK)  # type: ignore[untyped-decorator]
    def recover() -> None:
        """Rings for shards whose work nobody does."""
        upkeep.recover(station().parts)

    @app.task(name=TICK_TASK)  # type: ignore[untyped-decorator]
    def tick() -> None:
        """Fires the timers that are due."""
        timers.tick(station().parts)

    @app.task(name=BACKUP_TASK)  # type: ignore[untyped-decorator]
    def back_up() -> None:
        """Begins a backup if one is due."""
        keeper().back_up()

    @app.task(name=ARCHIVE_TASK)  # type: ignore[untyped-decorator]
    def archive() -> None:
        """Moves some ended cases to the archive."""
        keeper().archive()

    @app.task(name=WEBHOOKS_TASK)  # type: ignore[untyped-decorator]
    def send_webhooks() -> None:
        """Tells who wants to know what happened."""
        courier().round()

    def shut_down(**_: Any) -> None:
        for sending in couriers:
            sending.close()
        for running in stations:
            running.stop()

    # Not `worker_shutting_down`, which is sent from within the signal handler, wherever the main thread then is. Weak
    # references would drop a function that only lives here.
    worker_shutdown.connect(shut_down, weak=False)
    return app


def configuration(settings: Settings) -> dict[str, Any]:
    """Celery's settings, each chosen because state is truth and messages are hints."""
    results_url = _results_url(settings)
    return {
        "task_queues": [
            Queue(name, routing_key=name)  # type: ignore[no-untyped-call]
            for name in (DISPATCH_QUEUE, CONNECT_QUEUE, UPKEEP_QUEUE)
        ],
        "task_default_queue": DISPATCH_QUEUE,
        "task_create_missing_queues": False,
        "task_routes": {
            DRAIN_TASK: {"queue": DISPATCH_QUEUE},
            CALL_TASK: {"queue": CONNECT_QUEUE},
            LET_IN_TASK: {"queue": CONNECT_QUEUE},
            **fanout.ROUTES,
            RECOVER_TASK: {"queue": UPKEEP_QUEUE},
            TICK_TASK: {"queue": UPKEEP_QUEUE},
            BACKUP_TASK: {"queue": UPKEEP_QUEUE},
            ARCHIVE_TASK: {"queue": UPKEEP_QUEUE},
            WEBHOOKS_TASK: {"queue": UPKEEP_QUEUE},
        },
        # Nobody reads a result: outcomes are events in the store. Celery only counts there what of a chord is over.
        "task_ignore_result": True,
        "result_backend": results_url,
        "result_expires": fanout.KEPT_S,
        "result_chord_expires": fanout.KEPT_S,
        "result_backend_transport_options": {"retry_policy": {"max_retries": 1, "interval_start": 0.1}},
        # kombu checks certificates by itself, Celery wants to be told.
        **({"redis_backend_use_ssl": {"ssl_cert_reqs": "required"}} if results_url.startswith("rediss:") else {}),
        "redis_socket_timeout": 5.0,
        "redis_socket_connect_timeout": 5.0,
        "redis_socket_keepalive": True,
        # A message is acknowledged when it is received. Late acknowledgement would bring a lost hint back after an
        # hour (visibility_timeout) and double others; `recover` finds the work within a second or two.
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        # One message at a time: a hint that waits in a busy worker could have been taken by an idle one.
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "socket_timeout": 30.0,
            "socket_connect_timeout": 5.0,
            "socket_keepalive": True,
            "health_check_interval": 15,
        },
        "worker_hijack_root_logger": False,
        "beat_schedule": {
            "recover": {
                "task": RECOVER_TASK,
                "schedule": settings.recover_every_s,
                # A tick that nobody took in time is worth nothing: the next one does the same.
                "options": {"expires": max(5.0, settings.recover_every_s * 2)},
            },
            "tick": {
                "task": TICK_TASK,
                "schedule": settings.tick_every_s,
                "options": {"expires": max(5.0, settings.tick_every_s * 2)},
            },
            "webhooks": {
                "task": WEBHOOKS_TASK,
                "schedule": WEBHOOKS_ROUND_S,
                "options": {"expires": WEBHOOKS_ROUND_S * 5},
            },
            **_kept_by_schedule(settings),
        },
        "beat_max_loop_interval": min(1.0, settings.recover_every_s, settings.tick_every_s),
        "timezone": "UTC",
    }


def _results_url(settings: Settings) -> str:
    """Where Celery counts the parts of chords: at the broker, if that is a Redis."""
    of_redis = settings.broker_url.startswith(("redis:", "rediss:", "sentinel:"))
    return settings.broker_url if of_redis else settings.redis_url


def _kept_by_schedule(settings: Settings) -> dict[str, Any]:
    """Backups and the archive, as far as the settings ask for them."""
    wanted = {
        "back_up": (settings.backup_every, BACKUP_TASK, BACKUP_LOOKED_FOR_S),
        "archive": (settings.archive_after, ARCHIVE_TASK, ARCHIVE_ROUND_S),
    }
    return {
        name: {"task": task, "schedule": every_s, "options": {"expires": every_s}}
        for name, (asked_for, task, every_s) in wanted.items()
        if asked_for is not None
    }
