"""Workflow exceptions: what may go wrong in a case, and what is done about it (Russell et al., CAiSE 2006)."""
