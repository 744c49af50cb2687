"use strict";
// Whatever people wrote goes into the page as text, never as markup: textContent only.

const $ = (id) => document.getElementById(id);
const TYPING_PAUSE = 1500; // milliseconds without a key

if (typeof io === "undefined") {
  $("refusal").textContent = "The Socket.IO client could not be loaded. Are you offline?";
} else {
  start();
}

function start() {
  const socket = io({ autoConnect: false });
  const typists = new Map();
  let typingTimer = null;

  function show(text, state) {
    $("status").textContent = text;
    $("status").dataset.state = state;
  }

  function addLine(className, ...parts) {
    const line = document.createElement("li");
    line.className = className;
    line.append(...parts);
    const log = $("log");
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    log.append(line);
    if (atEnd) line.scrollIntoView({ block: "end" });
  }

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function showTyping() {
    const names = [...typists.values()];
    const who = names.length > 2 ? "Several people" : names.join(" and ");
    $("typing").textContent = who ? `${who} ${names.length > 1 ? "are" : "is"} typing…` : "";
  }

  function stopTyping() {
    if (typingTimer === null) return;
    clearTimeout(typingTimer);
    typingTimer = null;
    socket.volatile.emit("typing", false);
  }

  $("welcome").addEventListener("submit", (event) => {
    event.preventDefault();
    $("refusal").textContent = "";
    socket.auth = { name: $("name").value };
    show("connecting…", "away");
    socket.connect();
  });

  $("text").addEventListener("input", () => {
    if (!$("text").value) return stopTyping();
    if (typingTimer === null) socket.volatile.emit("typing", true);
    clearTimeout(typingTimer);
    typingTimer = setTimeout(stopTyping, TYPING_PAUSE);
  });

  $("composer").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = $("text").value;
    if (!text.trim()) return;
    stopTyping();
    $("text").value = "";
    let trouble = "";
    try {
      const answer = await socket.timeout(5000).emitWithAck("say", text);
      if (!answer.ok) trouble = answer.error;
    } catch {
      trouble = "Not sent: the server did not answer.";
    }
    if (trouble && !$("text").value) $("text").value = text;
    $("trouble").textContent = trouble;
    $("trouble").hidden = !trouble;
  });

  socket.on("connect", () => {
    show("connected", "online");
    $("welcome").hidden = true;
    $("room").hidden = false;
    $("text").focus();
  });

  socket.on("connect_error", (error) => {
    show("not connected", "offline");
    // A refusal is final; without one the client tries again by itself.
    const refusal = socket.active ? "The server does not answer. Trying again…" : error.message;
    if ($("room").hidden) $("refusal").textContent = refusal;
    else if (!socket.active) {
      $("room").hidden = true;
      $("welcome").hidden = false;
      $("refusal").textContent = refusal;
    }
  });

  socket.on("disconnect", () => {
    show("connection lost", "offline");
    typists.clear();
    showTyping();
  });

  socket.on("people", (people) => {
    const items = people.map(({ id, name }) =>
      element("li", id === socket.id ? `${name} (you)` : name),
    );
    $("people").replaceChildren(...items);
    const here = new Set(people.map(({ id }) => id));
    for (const id of typists.keys()) if (!here.has(id)) typists.delete(id);
    showTyping();
  });

  socket.on("notice", (text) => addLine("notice", text));

  socket.on("said", ({ id, name, text }) => {
    const className = id === socket.id ? "said mine" : "said";
    addLine(className, element("b", name), element("span", text));
  });

  socket.on("typing", ({ id, name, active }) => {
    if (active) typists.set(id, name);
    else typists.delete(id);
    showTyping();
  });
}
