// The clients of examples/manual in JavaScript: node clients.mjs TOPIC URL.
// Each prints what its Python twin prints, so that one transcript fits all of them.
import { io } from "socket.io-client";

const [topic, url] = process.argv.slice(2);
const say = (...words) => console.log(words.map(text).join(" "));

// A value as Python prints it.
function text(value, nested = false) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return nested === true ? `'${value}'` : value;
  if (Array.isArray(value)) return `[${value.map((item) => text(item, true)).join(", ")}]`;
  if (typeof value === "object") {
    const items = Object.entries(value).map(([key, item]) => `'${key}': ${text(item, true)}`);
    return `{${items.join(", ")}}`;
  }
  return String(value);
}

const once = (socket, event) => new Promise((done) => socket.once(event, (...args) => done(args)));
const connected = async (socket) => {
  if (!socket.connected) await once(socket, "connect");
  return socket;
};
const call = (socket, ...args) => socket.timeout(5000).emitWithAck(...args);
const several = (socket, ...args) =>
  new Promise((done) => socket.emit(...args, (...values) => done(values)));

const clients = {
  async basic() {
    const socket = io(url);
    socket.on("connect", () => say("connection established"));
    socket.on("my_message", (data) => {
      say("message received with", data);
      socket.emit("my response", { response: "my response" });
    });
    await once(socket, "disconnect");
    say("disconnected from server");
  },

  async latency() {
    const socket = await connected(io(url));
    say("connected to server");
    say("my sid is", socket.io.engine.id);
    for (let turn = 0; turn < 5; turn += 1) {
      const start = performance.now();
      socket.emit("ping_from_client");
      await once(socket, "pong_from_server");
      say(`latency is ${(performance.now() - start).toFixed(2)} ms`);
    }
    socket.disconnect();
  },

  async rooms() {
    const visitor = async (name) => {
      const socket = await connected(io(url, { forceNew: true }));
      socket.on("my reply", (data) => say(`${name} hears '${data}'`));
      return socket;
    };
    const ada = await visitor("ada");
    const bob = await visitor("bob");
    say("rooms of ada:", await call(ada, "begin_chat"));
    say("rooms of bob:", await call(bob, "begin_chat"));
    ada.emit("my_message", "hello");
    await once(bob, "my reply");
    bob.emit("my_message", "good day");
    await once(ada, "my reply");
    say("rooms of bob:", await call(bob, "exit_chat"));
    ada.emit("my_message", "anybody here?");
    ada.emit("announce", "the end");
    await Promise.all([once(ada, "announcement"), once(bob, "announcement")]);
    say("both heard the announcement");
    ada.disconnect();
    bob.disconnect();
  },

  async sessions() {
    const socket = await connected(io(url, { auth: { username: "ada" } }));
    socket.on("message", (data) => say(data));
    socket.send("hello");
    await once(socket, "message");
    say("renamed from", await call(socket, "rename", "countess"));
    socket.send("hello again");
    await once(socket, "message");
    socket.disconnect();
  },

  async callbacks() {
    const socket = await connected(io(url));
    socket.on("question", (question, answer) => {
      say("asked:", question);
      answer("fine", 7);
    });
    say("answered:", ...(await several(socket, "my_event", { foo: "bar" })));
    say("called:", ...(await several(socket, "my_event", { foo: "baz" })));
    socket.emit("ask_me");
    say("the server heard:", ...(await once(socket, "you_said")));
    say("the server heard in its handler:", ...(await several(socket, "call_me")));
    socket.disconnect();
  },

  async namespaces() {
    const chat = await connected(io(`${url}/chat`));
    say("I'm connected to the /chat namespace!");
    const news = await connected(io(`${url}/news`));
    chat.emit("my_custom_event", "bar");
    say("in /chat:", ...(await once(chat, "reply")));
    news.emit("my custom event", "today");
    say("in /news:", ...(await once(news, "reply")));
    say("namespaces:", chat.nsp, news.nsp);
    say("ids differ:", chat.id !== news.id);
    chat.disconnect();
    news.disconnect();
  },

  async class_namespaces() {
    const socket = await connected(io(`${url}/test`));
    say("connected");
    socket.on("disconnect", () => say("disconnected"));
    socket.emit("my_event", "hello");
    say("response:", ...(await once(socket, "my_response")));
    say("handled by", await call(socket, "both"));
    socket.disconnect();
  },

  async catch_all() {
    const socket = await connected(io(url));
    say("connected");
    for (const event of ["whatever you like", "known"]) {
      const came = new Promise((done) => socket.onAny((...args) => done(args)));
      socket.emit(event, "data");
      const [name, data] = await came;
      socket.offAny();
      say(`${name}: ${data}`);
    }
    socket.disconnect();
  },

  async refusal() {
    for (const auth of [{}, { token: "wrong" }, { token: "right" }]) {
      const socket = io(url, { auth, forceNew: true, reconnection: false });
      const refused = once(socket, "connect_error").then(([error]) => {
        say("The connection failed!", error.message, error.data);
        say("refused");
      });
      const accepted = once(socket, "connect").then(() => say("I'm connected!"));
      await Promise.race([refused, accepted]);
      if (socket.connected) say("I'm disconnected!");
      socket.disconnect();
    }
  },

  async background() {
    const socket = await connected(io(url));
    const counts = [];
    while (counts.length < 5) {
      const [data] = await once(socket, "my_response");
      if (counts.length === 0) say("from", data.from);
      counts.push(data.count);
    }
    say("in order:", counts.every((count, at) => at === 0 || count > counts[at - 1]));
    socket.disconnect();
    say("done");
  },

  async debugging() {
    const socket = await connected(io(url));
    say(await call(socket, "hello"));
    socket.disconnect();
  },

  async external() {
    const socket = await connected(io(url));
    const came = once(socket, "my event");
    say(await call(socket, "join", "my room"));
    say("from outside:", ...(await came));
    socket.disconnect();
  },
};

await clients[topic]();
