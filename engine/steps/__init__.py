"""What each kind of event does to a case: one function an event, one file for those that belong together."""
