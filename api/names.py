"""What people and roles may be called."""

import re

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}")
"""Names of users and participants. No comma: the journal lists people with commas between them. No dot alone: it would
be taken for a way through an address."""

ROLE_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
"""Names of access roles."""
