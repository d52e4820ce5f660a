"""Whether claims, starts and completions are linearizable: each item's history against a model of one item alone."""
