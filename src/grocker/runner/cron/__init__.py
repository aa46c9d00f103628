"""``cron``: the crontab, its times, and the jobs that it starts. Contract: K1–K5."""
