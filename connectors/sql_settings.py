"""What the settings of an `sql` connector may hold. It is checked also where SQLAlchemy is not installed."""

from connectors.config import integer, table, url_without_password

DEFAULT_POOL = 5
MOST_CONNECTIONS = 100
DEFAULT_ROWS = 1_000
MOST_ROWS = 100_000

check_settings = table(
    {
        "url": url_without_password,
        "pool": integer(1, MOST_CONNECTIONS),
        "max_rows": integer(1, MOST_ROWS),
    },
    required=("url",),
)
