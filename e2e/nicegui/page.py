"""A page of NiceGUI with what it sends both ways.

python page.py PORT
"""

import os
import sys

os.environ.pop("PYTEST_CURRENT_TEST", None)  # else NiceGUI serves its own tests

from nicegui import app, ui


@ui.page("/")
async def page() -> None:
    """A counter, a button, a field that is echoed, and a question to the browser."""
    presses = ui.label("0 presses").classes("presses")

    def press() -> None:
        presses.text = f"{int(presses.text.split()[0]) + 1} presses"

    ui.button("Press", on_click=press)
    echo = ui.label().classes("echo")
    ui.input("Say", on_change=lambda event: echo.set_text(event.value.upper()))
    answer = ui.label().classes("answer")

    async def ask() -> None:
        answer.text = f"the browser says {await ui.run_javascript('6 * 7', timeout=10)}"

    ui.button("Ask", on_click=ask)
    await ui.context.client.connected()
    ui.label("connected").classes("connected")


app.on_disconnect(lambda: print("a client is gone", flush=True))
ui.run(
    host="127.0.0.1",
    port=int(sys.argv[1]),
    reload=False,
    show=False,
    show_welcome_message=False,
    reconnect_timeout=5,
)
