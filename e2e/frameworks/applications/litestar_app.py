"""A Litestar application."""

from typing import Any

from contract import attach_all, run_asgi, started, stopped
from litestar import Litestar, Response, get


@get("/own", media_type="text/plain", sync_to_thread=False)
def own() -> str:
    return "own page"


def add_header(response: Response[Any]) -> Response[Any]:
    response.headers["X-Own"] = "yes"
    return response


app = Litestar(
    [own],
    after_request=add_header,
    on_startup=[started],
    on_shutdown=[stopped],
    request_max_body_size=1000,
)

if __name__ == "__main__":
    run_asgi(attach_all(app))
