"""``cron``: the crontab, its schedule, and the jobs that it starts. Contract: K1–K5."""
