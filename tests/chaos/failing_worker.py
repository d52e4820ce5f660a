"""What `celery --app tests.chaos.failing_worker` loads: a worker like any other, but for its failpoint."""

import os

from deploy.settings import Settings
from tests.chaos.failing_parts import build_failing
from workers.app import create_app
from workers.logs import set_up_logs

settings = Settings.from_environment(os.environ)
set_up_logs(settings.log_level)
app = create_app(settings, build_failing)
