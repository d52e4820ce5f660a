"""SpiffWorkflow, the other side of `tests.performance.kernel`: BPMN in memory, nothing stored.

Its tasks are plain ones without anything to do, completed in the two cheapest ways it offers. Which is faster depends
on the process, so both are measured and the better one counts. What it logs is switched off.
"""

import logging
from collections.abc import Callable
from io import BytesIO
from typing import Any

from SpiffWorkflow import TaskState
from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine

LOGGERS = ("spiff", "spiff.workflow", "spiff.task")


class Spiff:
    """A BPMN process, parsed once, of which many instances run."""

    def __init__(self, bpmn: str) -> None:
        for name in LOGGERS:
            # Below INFO it collects what it would log, whether anybody listens or not.
            logging.getLogger(name).setLevel(logging.WARNING)
        parser = BpmnParser()
        parser.add_bpmn_io(BytesIO(bpmn.encode()))
        self._specification = parser.get_spec("bench")
        self._scripts = PythonScriptEngine()

    @property
    def ways(self) -> tuple[Callable[[], None], ...]:
        """The ways to run one instance to its end."""
        return self.run_all, self.run_ready

    def run_all(self) -> None:
        """The engine looks for the next task that is ready, near the one before it."""
        workflow = self._started()
        workflow.run_all(halt_on_manual=False)
        assert workflow.completed, "the process has not come to its end"

    def run_ready(self) -> None:
        """All tasks that are ready are looked up at once, and run one by one."""
        workflow = self._started()
        while not workflow.completed:
            ready = workflow.get_tasks(state=TaskState.READY)
            assert ready, "the process has not come to its end"
            for task in ready:
                task.run()

    def _started(self) -> Any:
        return BpmnWorkflow(self._specification, script_engine=self._scripts)
