"""What ``start-all`` supervises: stored workflows, their schedules, queues, and what services may use of them."""
