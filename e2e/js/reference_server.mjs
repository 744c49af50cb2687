// The behaviours of servers/behaviours.py on the official JavaScript server.
//
// Every scenario and wire test also runs against this program, so that a test which asks
// for something the protocol does not say is found out. Usage:
//   node reference_server.mjs [--port N]
// Prints {"port": N}, then one JSON line for everything the tests want to know.
import { createServer } from "node:http";
import { Server } from "socket.io";
import msgpackParser from "socket.io-msgpack-parser";

const VARIANTS = {
  main: { maxHttpBufferSize: 100_000 },
  fast: { pingInterval: 400, pingTimeout: 800 },
  punctual: { pingInterval: 300, pingTimeout: 200, connectTimeout: 1000 },
  brief: { pingInterval: 400, pingTimeout: 60_000, upgradeTimeout: 1000, connectTimeout: 1500 },
  msgpack: { parser: msgpackParser },
  cors: { cors: { origin: ["http://allowed.example"], credentials: true }, cookie: "io" },
  polling: { transports: ["polling"] },
  websocket: { transports: ["websocket"] },
};

// The names under which Python programs know the reasons.
const REASONS = {
  "client namespace disconnect": "client disconnect",
  "server namespace disconnect": "server disconnect",
  "forced close": "transport error",
  "parse error": "transport error",
  "server shutting down": "server disconnect",
};

const write = (entry) => process.stdout.write(`${JSON.stringify(entry)}\n`);
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

function refusal(message, data) {
  const error = new Error(message);
  if (data !== undefined) error.data = data;
  return error;
}

function lifecycle(io, server, namespace) {
  const nsp = io.of(namespace);
  const gates = new Map();

  nsp.use(async (socket, next) => {
    const wishes = socket.handshake.auth ?? {};
    const tag = wishes.tag ?? null;
    write({ event: "connecting", server, namespace, sid: socket.id, tag });
    if (wishes.refuse === "message") return next(refusal("not allowed"));
    if (wishes.refuse === "data") return next(refusal("not allowed", { code: 42 }));
    if (wishes.refuse) return next(refusal("refused"));
    if (wishes.gate) {
      gates.set(wishes.gate, false);
      write({ event: "waiting", server, namespace, gate: wishes.gate });
      while (!gates.get(wishes.gate)) await sleep(0.01);
      if (wishes.then === "refuse") return next(refusal("refused"));
    }
    next();
  });

  nsp.on("connection", (socket) => {
    const wishes = socket.handshake.auth ?? {};
    if (wishes.early !== undefined) socket.emit("early", wishes.early);
    write({ event: "connect", server, namespace, sid: socket.id, tag: wishes.tag ?? null });
    socket.on("disconnect", (reason) =>
      write({
        event: "disconnect",
        server,
        namespace,
        sid: socket.id,
        reason: REASONS[reason] ?? reason,
      }),
    );
    if (wishes.leave) return socket.disconnect();
    socket.on("open gate", (gate) => gates.set(gate, true));
    socket.on("whoami", (answer) =>
      answer({
        sid: socket.id,
        auth: socket.handshake.auth,
        transport: socket.conn.transport.name,
        address: socket.handshake.address,
        query: socket.request.url.split("?")[1],
        path: socket.request.url.split("?")[0],
        agent: socket.handshake.headers["x-test"] ?? null,
      }),
    );
  });
}

function mainBehaviours(io, server, socket) {
  const received = [];
  const started = [];
  const rooms = () => [...socket.rooms].sort();
  const to = (target) => [target].flat();
  const handlers = {
    echo: (...args) => socket.emit("echo", ...args),
    message: (data) => socket.send(data),
    ack: (...args) => args.pop()(...args),
    "ack nothing": (answer) => answer(),
    "ack plain": (value, answer) => answer(value),
    ask: async (event, ...args) => {
      const answer = args.pop();
      socket.timeout(20_000).emit(event, ...args, (error, ...values) => {
        const value = values.length > 1 ? values : (values[0] ?? null);
        answer({ answer: error ? String(error) : value });
      });
    },
    "ask silence": (answer) =>
      socket.timeout(100).emit("never answered", (error) => answer(error ? "timeout" : "answered")),
    "ask callback": async (event, ...args) => {
      const answers = [];
      socket.emit(event, ...args, (...values) => answers.push(values));
      for (let turn = 0; turn < 500 && answers.length === 0; turn += 1) await sleep(0.01);
      await sleep(0.05);
      socket.emit("answers", answers);
    },
    join: (room, answer) => {
      socket.join(room);
      answer?.(rooms());
    },
    leave: (room, answer) => {
      socket.leave(room);
      answer?.(rooms());
    },
    close: (room) => io.in(room).socketsLeave(room),
    tell: (target, event, ...args) => {
      // The JavaScript server takes an empty list for everybody; the behaviour asked for is nobody.
      if (target.length > 0) io.to(to(target)).emit(event, ...args);
    },
    "tell others": (target, event, ...args) => socket.to(to(target)).emit(event, ...args),
    broadcast: (event, ...args) => io.emit(event, ...args),
    "broadcast except": (sids, event, ...args) => io.except(sids).emit(event, ...args),
    remember: (name, value, answer) => {
      socket.data[name] = value;
      answer?.();
    },
    recall: (name, answer) => answer(socket.data[name] ?? null),
    bye: () => socket.disconnect(),
    "bye then emit": () => {
      socket.emit("last words", "goodbye");
      socket.disconnect();
    },
    "bye for good": () => socket.disconnect(true),
    number: (value) => received.push(value),
    numbers: (answer) => answer(received.splice(0)),
    count: (total) => {
      for (let value = 0; value < total; value += 1) socket.emit("number", value);
    },
    start: async (value, seconds, answer) => {
      started.push(value);
      await sleep(seconds);
      answer?.([...started]);
    },
    "binary kinds": () =>
      socket.emit(
        "binary kinds",
        Buffer.from("bytes"),
        Buffer.from("bytearray"),
        Buffer.from("memoryview"),
        Buffer.alloc(0),
        {
          list: [Buffer.from("in list")],
          tuple: [Buffer.from("in tuple"), [Buffer.from("deeper")]],
        },
      ),
    "emit reserved": (event, answer) => {
      try {
        socket.emit(event, "forged");
        answer("sent");
      } catch (error) {
        answer(`ValueError: ${error.message}`);
      }
    },
    blob: (size) => socket.emit("blob", Buffer.alloc(size)),
    text: (size) => socket.emit("text", "x".repeat(size)),
  };
  for (const [event, handler] of Object.entries(handlers)) socket.on(event, handler);
  socket.on("__proto__", (value, answer) => {
    write({ event: "__proto__", server, sid: socket.id, value });
    answer?.(value);
  });
}

function behave(io, server) {
  lifecycle(io, server, "/");
  lifecycle(io, server, "/chat");
  lifecycle(io, server, "/any");
  io.on("connection", (socket) => mainBehaviours(io, server, socket));
  io.of("/chat").on("connection", (socket) => {
    socket.on("echo", (...args) => socket.emit("echo", ...args));
    socket.on("bye", () => socket.disconnect());
  });
  io.of("/any").on("connection", (socket) => {
    const known = new Set(socket.eventNames());
    socket.onAny((event, ...args) => {
      if (known.has(event)) return;
      const answer = typeof args.at(-1) === "function" ? args.pop() : () => {};
      answer(["catch-all", event, socket.id, args]);
    });
  });
  io.of("/class").on("connection", (socket) => {
    const namespace = "/class";
    write({ event: "connect", server, namespace, sid: socket.id, tag: null });
    socket.on("disconnect", (reason) =>
      write({
        event: "disconnect",
        server,
        namespace,
        sid: socket.id,
        reason: REASONS[reason] ?? reason,
      }),
    );
    socket.on("echo", (...args) => socket.emit("echo", ...args));
    socket.on("where", (answer) => answer(namespace));
  });
}

const http = createServer((request, response) => {
  response.writeHead(404, { "content-type": "text/plain" });
  response.end("Not Found");
});
http.setMaxListeners(100);
const servers = Object.entries(VARIANTS).map(([name, options]) => {
  const io = new Server(http, {
    path: name === "main" ? "/socket.io/" : `/${name}/`,
    serveClient: false,
    destroyUpgrade: false,
    ...options,
  });
  behave(io, name);
  return io;
});

const option = process.argv.indexOf("--port");
const port = option === -1 ? 0 : Number(process.argv[option + 1]);
http.listen(port, "127.0.0.1", () => write({ port: http.address().port }));

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    for (const io of servers) io.close();
    http.closeAllConnections();
    process.exitCode = 0;
  });
}
