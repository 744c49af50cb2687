"""A process with a python-socketio server and its clients, told what to do line by line.

Run by `peer.py` with the Python of an environment in which python-socketio is installed; nothing
of this project is imported. Arguments: `sync` or `async`, the class of the manager, its URL and
its channel. Commands come as lines of JSON, answers and events go out as such.
"""

# ruff: noqa: D101, D102  # a script

# mypy: ignore-errors  # python-socketio is not in the environment that is checked

import asyncio
import base64
import json
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


def pack(value):
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: pack(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [pack(item) for item in value]
    return value


def unpack(value):
    if isinstance(value, dict):
        if list(value) == ["base64"]:
            return base64.b64decode(value["base64"])
        return {key: unpack(item) for key, item in value.items()}
    return [unpack(item) for item in value] if isinstance(value, list) else value


def say(**message):
    sys.stdout.write(json.dumps(pack(message)) + "\n")
    sys.stdout.flush()


def manager_class(name):
    import socketio

    return getattr(socketio, name)


def arguments(command):
    names = ("to", "room", "skip_sid", "namespace")
    return {name: command[name] for name in names if command.get(name) is not None}


def data_of(command):
    data = command.get("data")
    return tuple(data["tuple"]) if isinstance(data, dict) and list(data) == ["tuple"] else data


async def run_async(name, url, channel):
    import uvicorn

    import socketio

    manager = manager_class(name)(url, channel=channel)
    server = socketio.AsyncServer(async_mode="asgi", client_manager=manager)
    server.on("disconnect", lambda sid, reason: say(disconnected=sid))
    config = uvicorn.Config(socketio.ASGIApp(server), host="127.0.0.1", port=0, log_level="warning")
    serving = uvicorn.Server(config)
    task = asyncio.create_task(serving.serve())
    while not serving.started:
        await asyncio.sleep(0.01)
    port = serving.servers[0].sockets[0].getsockname()[1]
    outside = manager_class(name)(url, channel=channel, write_only=True)
    clients = []

    async def do(command):
        action = command["do"]
        if action == "client":
            client = socketio.AsyncClient()
            index = len(clients)
            client.on("*", lambda event, *args: say(client=index, event=[event, *args]))

            @client.on("ask")
            def ask(*args):
                say(client=index, event=["ask", *args])
                return ("peer", *args)

            await client.connect(f"http://127.0.0.1:{port}", transports=["websocket"])
            clients.append(client)
            return client.get_sid()
        if action == "emit":
            await server.emit(command["event"], data_of(command), **arguments(command))
        elif action == "external":
            await outside.emit(command["event"], data_of(command), **arguments(command))
        elif action == "call":
            return await server.call(
                command["event"], data_of(command), to=command["to"], timeout=10
            )
        elif action in ("enter_room", "leave_room"):
            await getattr(server, action)(command["sid"], command["room"])
        elif action == "close_room":
            await server.close_room(command["room"])
        elif action == "disconnect":
            await server.disconnect(command["sid"])
        return None

    loop = asyncio.get_running_loop()
    tasks = set()

    async def answer(command):
        try:
            say(answer=command["id"], value=await do(command))
        except Exception as error:
            say(answer=command["id"], error=repr(error))

    # The manager starts to listen with the first client.
    await do({"do": "client"})
    await asyncio.sleep(1)  # its listener has no way to tell when it is subscribed
    say(ready=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        each = asyncio.create_task(answer(unpack(json.loads(line))))
        tasks.add(each)
        each.add_done_callback(tasks.discard)
    serving.should_exit = True
    task.cancel()


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def run_sync(name, url, channel):
    import socketio

    manager = manager_class(name)(url, channel=channel)
    server = socketio.Server(async_mode="threading", client_manager=manager)
    server.on("disconnect", lambda sid, reason: say(disconnected=sid))
    serving = make_server(
        "127.0.0.1", 0, socketio.WSGIApp(server), server_class=Server, handler_class=Quiet
    )
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    outside = manager_class(name)(url, channel=channel, write_only=True)
    clients = []
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    def do(command):
        action = command["do"]
        if action == "client":
            # Not its synchronous client, which takes each message in a thread of its own and so
            # loses their order; what is under test is the server.
            client = socketio.AsyncClient()
            index = len(clients)
            client.on("*", lambda event, *args: say(client=index, event=[event, *args]))

            @client.on("ask")
            def ask(*args):
                say(client=index, event=["ask", *args])
                return ("peer", *args)

            url = f"http://127.0.0.1:{serving.server_port}"
            connecting = client.connect(url, transports=["polling"])
            asyncio.run_coroutine_threadsafe(connecting, loop).result(20)
            clients.append(client)
            return client.get_sid()
        if action == "emit":
            server.emit(command["event"], data_of(command), **arguments(command))
        elif action == "external":
            outside.emit(command["event"], data_of(command), **arguments(command))
        elif action == "call":
            return server.call(command["event"], data_of(command), to=command["to"], timeout=10)
        elif action in ("enter_room", "leave_room"):
            getattr(server, action)(command["sid"], command["room"])
        elif action == "close_room":
            server.close_room(command["room"])
        elif action == "disconnect":
            server.disconnect(command["sid"])
        return None

    def answer(command):
        try:
            say(answer=command["id"], value=do(command))
        except Exception as error:
            say(answer=command["id"], error=repr(error))

    do({"do": "client"})
    threading.Event().wait(1)  # its listener has no way to tell when it is subscribed
    say(ready=True)
    while line := sys.stdin.readline():
        threading.Thread(target=answer, args=(unpack(json.loads(line)),), daemon=True).start()


if __name__ == "__main__":
    flavour, *rest = sys.argv[1:]
    if flavour == "async":
        asyncio.run(run_async(*rest))
    else:
        run_sync(*rest)
