"""Work items: what a person sees of a task, and the moves that are allowed."""
