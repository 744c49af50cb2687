"""What runs the core: `asyncio_runtime` for event loops, `threading_runtime` for threads."""
