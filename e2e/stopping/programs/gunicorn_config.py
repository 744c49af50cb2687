"""What gunicorn does at the end of a worker."""

from typing import Any


def worker_exit(server: Any, worker: Any) -> None:
    """Let the application of the worker say goodbye."""
    import wsgi_program

    wsgi_program.worker_exit(server, worker)
