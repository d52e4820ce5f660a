"""What gunicorn loads as `tests.chaos.failing_api:application`: the API, but for its failpoint."""

import os

from api.app import create_app
from api.logs import set_up_logs
from deploy.settings import Settings
from tests.chaos.failing_parts import build_failing

_settings = Settings.from_environment(os.environ)
set_up_logs(_settings.log_level)
application = create_app(build_failing(_settings))
