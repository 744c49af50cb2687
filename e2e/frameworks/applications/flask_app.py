"""A Flask application."""

from contract import attach_all, attach_mounted, mount_wsgi, run_wsgi
from flask import Flask, Response, session

app = Flask(__name__)
app.secret_key = "x"
app.config["MAX_CONTENT_LENGTH"] = 1000


@app.after_request
def add_header(response: Response) -> Response:
    response.headers["X-Own"] = "yes"
    return response


@app.get("/own")
def own() -> str:
    return "own page"


@app.get("/count")
def count() -> str:
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


if __name__ == "__main__":
    mounted = attach_mounted(Flask("mounted"), synchronous=True)
    run_wsgi(mount_wsgi(attach_all(app, synchronous=True), mounted))
