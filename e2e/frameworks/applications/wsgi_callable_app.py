"""A WSGI application of no framework: a function."""

from typing import Any

from contract import attach_all, attach_mounted, mount_wsgi, run_wsgi


def app(environ: Any, start_response: Any) -> list[bytes]:
    found = environ["PATH_INFO"] == "/own"
    headers = [("X-Own", "yes"), ("Content-Type", "text/plain")]
    start_response("200 OK" if found else "404 Not Found", headers)
    return [b"own page" if found else b"no page"]


if __name__ == "__main__":
    mounted = attach_mounted(app, synchronous=True)
    run_wsgi(mount_wsgi(attach_all(app, synchronous=True), mounted))
