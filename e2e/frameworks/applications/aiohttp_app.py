"""An aiohttp application."""

from typing import Any

from aiohttp import web
from contract import PREFIX, attach_all, attach_mounted, started, stopped
from listening import listen


@web.middleware
async def add_header(request: web.Request, handler: Any) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    if not response.prepared:  # else it was a websocket
        response.headers["X-Own"] = "yes"
    return response


async def own(request: web.Request) -> web.Response:
    return web.Response(text="own page")


async def lifespan(app: web.Application) -> Any:
    started()
    yield
    stopped()


app = web.Application(middlewares=[add_header], client_max_size=1000)
app.router.add_get("/own", own)
app.cleanup_ctx.append(lifespan)
app.add_subapp(PREFIX, attach_mounted(web.Application()))

if __name__ == "__main__":
    web.run_app(attach_all(app), sock=listen(), print=None)
