"""The asyncio shell around the pure session: tasks, queues, deadlines, cancellation."""
