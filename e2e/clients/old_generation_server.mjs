// A server of the 2.x generation (Engine.IO 3). Prints {"port": N}.
import { createServer } from "node:http";
import Server from "socket.io-2";

const http = createServer();
Server(http, { serveClient: false });
http.listen(0, "127.0.0.1", () =>
  process.stdout.write(`${JSON.stringify({ port: http.address().port })}\n`),
);
