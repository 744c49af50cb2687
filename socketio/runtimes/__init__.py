"""What runs the core: `asyncio` for event loops, `threads` for threads and greenlets."""
