"""A Quart application."""

from contract import attach_all, run_asgi, started, stopped
from quart import Quart, Response, session

app = Quart(__name__)
app.secret_key = "x"
app.config["MAX_CONTENT_LENGTH"] = 1000


@app.before_serving
async def start() -> None:
    started()


@app.after_serving
async def stop() -> None:
    stopped()


@app.after_request
async def add_header(response: Response) -> Response:
    response.headers["X-Own"] = "yes"
    return response


@app.get("/own")
async def own() -> str:
    return "own page"


@app.get("/count")
async def count() -> str:
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


if __name__ == "__main__":
    run_asgi(attach_all(app))
