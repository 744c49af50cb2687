"""The asyncio engine and its transports; `socketio.engine.synchronous` is its twin."""
