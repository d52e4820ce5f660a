"""What a WSGI server loads: `api.wsgi:application`.

The one module here that reads the environment and builds something when it is imported, because that is what WSGI
servers ask for.
"""

import os

from api.app import create_app
from api.logs import set_up_logs
from deploy.settings import Settings
from deploy.started import started

_settings = Settings.from_environment(os.environ)
set_up_logs(_settings.log_level)
application = create_app(started(_settings))
