/** The application in a real browser, as people use it. A message on the console fails the test it appears in. */

import assert from "node:assert/strict";
import { get } from "node:http";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { chromium } from "playwright-core";

import { Application } from "./application.js";

const PHONE = { width: 375, height: 720 };

let application, browser, page, complaints;

before(async () => {
  application = new Application();
  await application.start();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});

after(async () => {
  await browser?.close();
  await application?.stop();
});

beforeEach(async () => {
  const context = await browser.newContext();
  context.setDefaultTimeout(10_000);
  page = await context.newPage();
  complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(application.url);
});

afterEach(async () => {
  await page.context().close();
  assert.deepEqual(complaints, []);
});

const say = async (message) => {
  await page.getByLabel("Message").fill(message);
  await page.getByLabel("Message").press("Enter");
};
const answer = (text) => page.getByRole("log").getByText(text).waitFor();
const task = (title) => page.getByRole("checkbox", { name: title });

test("a task added by chat is on the list and still there after a reload", async () => {
  await say("add buy milk");
  await answer("Added “buy milk”");
  await task("buy milk").waitFor();
  await page.getByText("Answered by built-in rules").waitFor();

  await page.reload();
  await task("buy milk").waitFor();

  await say("I finished buy milk");
  await answer("Completed “buy milk”");
  await page.getByRole("checkbox", { name: "buy milk", checked: true }).waitFor();
  await say("delete completed tasks");
  await task("buy milk").waitFor({ state: "detached" });
});

test("everything is done by keyboard alone", async () => {
  await page.getByLabel("New task").focus();
  await page.keyboard.type("call Bob");
  await page.keyboard.press("Enter");
  await task("call Bob").waitFor();

  await task("call Bob").focus();
  await page.keyboard.press("Space");
  await page.getByRole("checkbox", { name: "call Bob", checked: true }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.type("call Alice");
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Rename “call Bob”");
  await page.keyboard.press("Enter");
  await page.keyboard.type("call Alice");
  await page.keyboard.press("Enter");
  await task("call Alice").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await task("call Alice").waitFor({ state: "detached" });
});

test("on a phone the chat is under the list and nothing is wider than the screen", async () => {
  await page.setViewportSize(PHONE);
  await say("add " + "a-very-long-word".repeat(10));
  await page.getByRole("checkbox").waitFor();
  const list = await page.getByRole("region", { name: "Tasks" }).boundingBox();
  const chat = await page.getByRole("region", { name: "Chat" }).boundingBox();
  assert.ok(chat.y >= list.y + list.height);
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= PHONE.width);
  await say("delete 1, 2, 3");
  await page.getByRole("checkbox").waitFor({ state: "detached" });
});

test("while the backend is away the page says so, and goes on when it is back", async () => {
  await page.getByText("Nothing here yet").waitFor();
  await application.stopBackend();
  await page.getByLabel("New task").fill("pay rent");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("alert").getByText("The backend cannot be reached just now.").waitFor();
  assert.equal(await page.getByLabel("New task").inputValue(), "pay rent");

  await application.startBackend();
  await page.getByRole("alert").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await task("pay rent").waitFor();

  assert.ok(complaints.length > 0 && complaints.every((text) => text.includes("503")), complaints.join("\n"));
  complaints = [];
});

test("scripts are cached for long, the page and the API are not", async () => {
  const script = await page.locator("script[src]").getAttribute("src");
  const cached = async (path) => (await fetch(application.url + path)).headers.get("cache-control");
  assert.match(await cached(script), /max-age=31536000, immutable/);
  assert.equal(await cached("/"), "no-cache");
  assert.equal(await cached("/api/tasks"), "no-store");
});

test("nothing of the backend but /api is reachable", async () => {
  for (const path of ["/health", "/ready", "/apix", "/api/%2e%2e/health"]) {
    assert.equal((await fetch(application.url + path)).status, 404, path);
  }
});

test("a pod that is about to end closes each connection with its next answer, whatever is asked", async () => {
  const connection = (path) =>
    new Promise((resolve, reject) => {
      const headers = { connection: "keep-alive" };
      get(application.url + path, { headers, agent: false }, (response) => {
        response.resume();
        response.on("end", () => resolve(`${response.statusCode} ${response.headers.connection}`));
      }).on("error", reject);
    });
  const paths = ["/", "/healthz", "/api/tasks?status=open", await page.locator("script[src]").getAttribute("src")];
  for (const path of paths) assert.equal(await connection(path), "200 keep-alive", path);
  application.drain();
  for (const path of paths) assert.equal(await connection(path), "200 close", `${path} while draining`);
});
