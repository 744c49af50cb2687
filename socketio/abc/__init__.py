"""The seams between the core and what is plugged into it.

* `Runtime`: what runs handlers, timers and background tasks (asyncio, threads, greenlets)
* `WebSocket`, `Request`: what an async mode makes of its framework's objects
* `AsyncMode`, `Attachment`: how requests reach the engine, and how it gets into an application
* `Transport`: how one client's packets travel
"""
