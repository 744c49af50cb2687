"""The chat example as it is: an aiohttp application."""

from __future__ import annotations

import chat
from aiohttp import web
from listening import listen

if __name__ == "__main__":
    web.run_app(chat.load().build(), sock=listen(), print=None)
