"""A NATS client manager for asyncio socketio servers."""
