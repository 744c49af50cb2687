"""The threaded engine and its transports; `socketio.engine.asynchronous` is its twin."""
