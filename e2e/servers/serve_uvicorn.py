"""The behaviours under uvicorn."""

from __future__ import annotations

import uvicorn
from asgi_app import build
from listening import listen

if __name__ == "__main__":
    config = uvicorn.Config(build(), log_level="warning")
    try:
        uvicorn.Server(config).run(sockets=[listen()])
    except KeyboardInterrupt:
        pass  # it stops in order first, then raises; its own command line does the same
