"""What runs code in an event loop of asyncio."""
