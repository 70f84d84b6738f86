"""Background jobs: handlers, schedule, worker process and the clients of outside services."""
