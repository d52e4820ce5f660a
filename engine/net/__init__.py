"""The control flow: markings, joins, splits, firing, and coming to rest."""
