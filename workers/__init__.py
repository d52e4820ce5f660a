"""The Celery workers: they drain shards, make connector calls, and look after what was left lying."""
