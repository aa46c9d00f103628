"""What happens before the application's first process: account, environment, ssh directory, time zone."""
