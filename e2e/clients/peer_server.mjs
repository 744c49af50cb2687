// A socket.io 4.8 server (and one of the 2.x generation) with what the clients' tests need.
// Usage: node peer_server.mjs [--port N]. Prints {"port": N}, then a journal of JSON lines.
import { createServer } from "node:http";
import { Server } from "socket.io";
import msgpackParser from "socket.io-msgpack-parser";

const write = (entry) => process.stdout.write(`${JSON.stringify(entry)}\n`);

const RECOVERY = { maxDisconnectionDuration: 60_000 };
const VARIANTS = {
  main: {},
  msgpack: { parser: msgpackParser },
  recovery: { connectionStateRecovery: RECOVERY },
  "recovery-msgpack": { connectionStateRecovery: RECOVERY, parser: msgpackParser },
  small: { maxHttpBufferSize: 2_000 },
  restless: { pingInterval: 50, pingTimeout: 20_000 },
};

function behave(io, variant) {
  io.use((socket, next) => {
    write({
      event: "handshake",
      variant,
      auth: socket.handshake.auth,
      header: socket.handshake.headers["x-test"] ?? null,
      cookie: socket.handshake.headers.cookie ?? null,
      query: socket.handshake.query,
    });
    if (socket.handshake.auth?.refuse) {
      const error = new Error("not welcome");
      error.data = { code: 42 };
      return next(error);
    }
    setTimeout(next, socket.handshake.auth?.delay ?? 0);
  });
  const connection = (socket) => {
    write({ event: "connect", variant, nsp: socket.nsp.name, sid: socket.id });
    socket.conn.on("heartbeat", () => write({ event: "pong", variant, sid: socket.id }));
    socket.on("disconnect", (reason) => write({ event: "disconnect", variant, sid: socket.id, reason }));
    socket.on("echo", (...args) => {
      const answer = typeof args.at(-1) === "function" ? args.pop() : null;
      if (answer) answer(...args);
      else socket.emit("echo", ...args);
    });
    socket.on("burst", (count) => {
      for (let i = 0; i < count; i += 1) socket.emit("number", i);
    });
    socket.on("volatile", (...args) => socket.volatile.emit("volatile", ...args));
    socket.on("ask", (...args) =>
      socket.timeout(20_000).emit("question", ...args, (error, ...values) =>
        socket.emit("answered", error ? String(error) : null, ...values),
      ),
    );
    socket.on("silence", () => {});
    socket.on("kick", () => socket.disconnect());
    socket.on("kick transport", () => socket.disconnect(true));
    socket.on("drop", () => socket.conn.transport.socket?.terminate?.() ?? socket.conn.close());
    socket.on("close engine", () => socket.conn.close());
    socket.on("raw", (text) => socket.conn.write(text));
    socket.on("headers", (answer) =>
      answer(socket.conn.request.headers["x-test"] ?? null, socket.conn.transport.name),
    );
    socket.on("count to", (number) => write({ event: "counted", variant, number }));
  };
  io.on("connection", connection);
  for (const name of ["/chat", "/private"]) io.of(name).on("connection", connection);
  io.of("/refusing").use((socket, next) => next(new Error("nobody may in")));
}

const http = createServer();
http.setMaxListeners(100);
const servers = Object.entries(VARIANTS).map(([name, options]) => {
  const io = new Server(http, {
    path: name === "main" ? "/socket.io/" : `/${name}/`,
    serveClient: false,
    destroyUpgrade: false,
    ...options,
  });
  io.engine.on("connection", (socket) => {
    socket.on("data", () => {});
    // How many POSTs a client made, and how large they were.
    if (socket.transport.name === "polling") {
      const { transport } = socket;
      const onData = transport.onData.bind(transport);
      transport.onData = (data) => {
        write({ event: "post", variant: name, size: Buffer.byteLength(data) });
        onData(data);
      };
    }
  });
  behave(io, name);
  return io;
});

// A web server that knows nothing of Socket.IO, nor of websockets.
const plain = createServer((request, response) => {
  const body = "I am no Socket.IO server";
  response.writeHead(418, { "content-type": "text/plain", "content-length": body.length });
  response.end(body);
}).listen(0, "127.0.0.1", () => write({ event: "plain", url: `http://127.0.0.1:${plain.address().port}` }));

const option = process.argv.indexOf("--port");
const port = option === -1 ? 0 : Number(process.argv[option + 1]);
http.listen(port, "127.0.0.1", () => write({ port: http.address().port }));

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    for (const io of servers) io.close();
    http.closeAllConnections();
    plain.close();
    process.exitCode = 0;
  });
}
