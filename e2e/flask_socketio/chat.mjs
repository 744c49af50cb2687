// Two people of the chat, and one who is refused: chat.mjs URL TRANSPORTS. Prints what they saw.
import { io } from "socket.io-client";

const [url, transports] = process.argv.slice(2);
const options = { transports: transports.split(","), forceNew: true, reconnection: false };
const seen = [];
const note = (who, event, ...args) => seen.push([who, event, ...args]);

function enter(name, auth) {
  const socket = io(url, { ...options, auth });
  socket.onAny((event, ...args) => {
    if (event !== "question") note(name, event, ...args.map((arg) => (Buffer.isBuffer(arg) ? arg.toString("hex") : arg)));
  });
  socket.on("connect_error", (error) => note(name, "refused", error.message));
  return socket;
}
const once = (socket, event) => new Promise((resolve) => socket.once(event, resolve));

const stranger = enter("stranger", {});
await once(stranger, "connect_error");
const ann = enter("ann", { name: "Ann" });
await once(ann, "connect");
const bob = enter("bob", { name: "Bob" });
await once(bob, "connect");

note("ann", "rooms", await ann.emitWithAck("join", "tea"));
const joined = once(ann, "joined");
await bob.emitWithAck("join", "tea");
await joined;
const said = once(bob, "said");
note("ann", "ack", await ann.emitWithAck("say", "tea", "hello", Buffer.from([0, 255])));
await said;
note("ann", "ack", await ann.emitWithAck("say", "nowhere", "anybody?"));

bob.on("question", (text, answer) => answer(text.length, "characters"));
const answered = once(bob, "answered");
bob.emit("ask", "why?");
await answered;

for (const [event, ...args] of [["message", "loud"], ["json", { a: 1 }], ["nonsense", 1, 2], ["fail"]]) {
  const answer = { message: "message", json: "json", nonsense: "unknown", fail: "failed" }[event];
  const came = once(bob, answer);
  bob.emit(event, ...args);
  await came;
}

const announced = Promise.all([once(ann, "announcement"), once(bob, "announcement")]);
await fetch(`${url}/announce/news`, { method: "POST" });
await announced;

const calculator = ann.io.socket("/calculator");
await Promise.all([once(calculator, "connect"), once(calculator, "ready")]);
note("ann", "sum", await calculator.emitWithAck("add", 2, 3));

const left = once(ann, "left");
const gone = once(bob, "disconnect");
bob.emit("bye");
note("bob", "disconnected", await gone);
await left;
note("ann", "transport", ann.io.engine.transport.name);
calculator.disconnect();
ann.disconnect();
stranger.disconnect();
console.log(JSON.stringify(seen));
