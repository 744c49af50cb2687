"""A Sanic application under Sanic's own server."""

from typing import Any

from contract import attach_all, started, stopped
from listening import listen
from sanic import Request, Sanic
from sanic.response import HTTPResponse, text

app: Sanic[Any, Any] = Sanic("attachments", configure_logging=False)
app.config.REQUEST_MAX_SIZE = 1000
app.config.ACCESS_LOG = False


@app.before_server_start
async def start(_: Any) -> None:
    started()


@app.after_server_stop
async def stop(_: Any) -> None:
    stopped()


@app.on_response
async def add_header(request: Request, response: HTTPResponse) -> None:
    response.headers["X-Own"] = "yes"


@app.get("/own")
async def own(request: Request) -> HTTPResponse:
    return text("own page")


if __name__ == "__main__":
    attach_all(app).run(sock=listen(), single_process=True, motd=False)
