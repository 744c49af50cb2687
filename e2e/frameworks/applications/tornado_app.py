"""A Tornado application."""

import asyncio

from contract import attach_all
from listening import listen
from tornado import web
from tornado.httpserver import HTTPServer


class Page(web.RequestHandler):
    def prepare(self) -> None:
        self.set_header("X-Own", "yes")


class Own(Page):
    def get(self) -> None:
        self.write("own page")


app = web.Application(
    [("/own", Own), ("/.*", web.ErrorHandler, {"status_code": 404})],
    xsrf_cookies=True,
    cookie_secret="x",
)


async def main() -> None:
    server = HTTPServer(attach_all(app), max_body_size=1000)
    listener = listen()
    listener.setblocking(False)
    server.add_socket(listener)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass  # how it is stopped
