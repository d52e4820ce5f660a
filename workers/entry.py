"""What `celery --app workers.entry` loads: the one module here that reads the environment when it is imported."""

import os

from deploy.settings import Settings
from deploy.started import started
from workers.app import create_app
from workers.logs import set_up_logs

settings = Settings.from_environment(os.environ)
set_up_logs(settings.log_level)
app = create_app(settings, started)
