"""How an installation is configured, wired and started: settings, secrets, the process tree of one machine."""
