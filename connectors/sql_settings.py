"""What the settings of an `sql` connector may hold. It is checked also where SQLAlchemy is not installed."""

from urllib.parse import urlsplit

from connectors.config import integer, table, text_that

DEFAULT_POOL = 5
MOST_CONNECTIONS = 100
DEFAULT_ROWS = 1_000
MOST_ROWS = 100_000

check_url = text_that(
    lambda url: urlsplit(url).password is None, "a URL without a password: name the whole URL, {secret: NAME}"
)
"""The URL of a database or a broker, in which a password is not written out."""

check_settings = table(
    {"url": check_url, "pool": integer(1, MOST_CONNECTIONS), "max_rows": integer(1, MOST_ROWS)}, required=("url",)
)
