// Two tabs of the chat page in Chromium.
//
//   node browser_chat.mjs URL CHROMIUM SCREENSHOT
// Prints one JSON line with what the page showed; writes the first tab's picture to SCREENSHOT.
import { chromium } from "playwright-core";

const [url, executablePath, screenshot] = process.argv.slice(2);
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const MARKUP = `<img src=x onerror="document.title='hacked'"> <b>bold</b> & "quotes"`;

const browser = await chromium.launch({ executablePath, args: FLAGS });
const problems = [];

async function openTab(context, name) {
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => problems.push(`${name}: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`${name}: ${message.text()}`);
  });
  page.transports = [];
  page.on("websocket", () => page.transports.push("websocket"));
  page.on("request", (request) => {
    if (request.url().includes("transport=polling")) page.transports.push("polling");
  });
  await page.goto(url);
  return page;
}

async function join(page, name) {
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Join" }).click();
}

const texts = (page, selector) => page.locator(selector).allInnerTexts();
const line = (page, text) => page.locator("#log li", { hasText: text }).waitFor();
const people = (page, count) =>
  page.waitForFunction((n) => document.querySelectorAll("#people li").length === n, count);

try {
  const context = await browser.newContext({ viewport: { width: 900, height: 600 } });
  const ada = await openTab(context, "ada");
  const bob = await openTab(context, "bob");
  const facts = {};

  await join(ada, "  Ada  ");
  await people(ada, 1);

  // The name is taken, whatever its case; a refusal is shown, another name is accepted.
  await join(bob, "ADA");
  await bob.waitForFunction(() => document.querySelector("#refusal").textContent);
  facts.refusal = await bob.locator("#refusal").innerText();
  await join(bob, "Bob <i>");
  await Promise.all([people(ada, 2), people(bob, 2)]);
  // Chromium reports the upgrade that the refusal cut short.
  problems.length = 0;
  facts.people = [await texts(ada, "#people li"), await texts(bob, "#people li")];
  facts.status = await ada.locator("#status").innerText();
  await line(ada, "came in");

  await bob.getByRole("textbox", { name: "Message" }).pressSequentially("hel");
  await ada.waitForFunction(() => document.querySelector("#typing").textContent);
  facts.typing = await ada.locator("#typing").innerText();
  facts.ownTyping = await bob.locator("#typing").innerText();
  await bob.getByRole("textbox", { name: "Message" }).fill("hello, Ada");
  await bob.keyboard.press("Enter");
  await line(ada, "hello, Ada");
  await ada.waitForFunction(() => !document.querySelector("#typing").textContent);

  await ada.getByRole("textbox", { name: "Message" }).fill(MARKUP);
  await ada.getByRole("button", { name: "Send" }).click();
  await line(bob, "quotes");
  // Stops by itself when the keys rest.
  await bob.getByRole("textbox", { name: "Message" }).pressSequentially("never sent");
  await ada.waitForFunction(() => document.querySelector("#typing").textContent);
  await ada.screenshot({ path: screenshot });
  await ada.waitForFunction(() => !document.querySelector("#typing").textContent);

  facts.said = [await texts(ada, "#log .said"), await texts(bob, "#log .said")];
  facts.mine = await texts(ada, "#log .said.mine");
  facts.markup = { sent: MARKUP, elements: await bob.locator("#log img, #log i, #log b b").count() };
  facts.title = await bob.title();
  facts.order = await ada.evaluate(() =>
    ["main", "form", "[role=log]", "[role=status]", "label[for=text]", "aside[aria-label]"].map(
      (selector) => document.querySelector(selector) !== null,
    ),
  );
  facts.transports = [...new Set(ada.transports)];

  await bob.close();
  await people(ada, 1);
  await line(ada, "left");
  facts.peopleAfter = await texts(ada, "#people li");
  facts.notices = await texts(ada, "#log .notice");
  facts.problems = problems;
  process.stdout.write(`${JSON.stringify(facts)}\n`);
} finally {
  await browser.close();
}
