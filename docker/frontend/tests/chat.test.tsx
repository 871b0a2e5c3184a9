/** The chat: sending, what comes back, who answered, and what happens to a message that was not answered. */

import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { App } from "../src/components/App";
import { FakeBackend } from "./backend";

let backend: FakeBackend;
const user = userEvent.setup();

beforeEach(() => {
  backend = new FakeBackend("buy milk");
});
afterEach(() => vi.unstubAllGlobals());

const log = () => screen.getByRole("log");
const field = () => screen.getByLabelText("Message");

async function open() {
  render(<App />);
  await screen.findByText("buy milk");
}

test("Enter sends, and the answer is announced", async () => {
  await open();
  await user.type(field(), "hello{Enter}");
  expect(await within(log()).findByText("Hello.")).toBeVisible();
  expect(within(log()).getByText("hello")).toBeVisible();
  expect(log()).toHaveAttribute("aria-live", "polite");
  expect(field()).toHaveValue("");
});

test("Shift and Enter make a new line", async () => {
  await open();
  await user.type(field(), "one{Shift>}{Enter}{/Shift}two");
  expect(field()).toHaveValue("one\ntwo");
  expect(backend.requests("POST", "/api/chat")).toEqual([]);
});

test("a blank message is not sent", async () => {
  await open();
  await user.type(field(), "  {Enter}");
  expect(screen.getByRole("button", { name: "Send" })).toBeDisabled();
  expect(backend.requests("POST", "/api/chat")).toEqual([]);
});

test("what a model did is shown, and the list follows", async () => {
  await open();
  backend.answer.engine = "model";
  backend.answer.actions = [{ kind: "added", task: { id: 2, title: "call Bob", done: false } }];
  backend.tasks = [...backend.tasks, { id: 2, title: "call Bob", done: false }];
  await user.type(field(), "add call Bob{Enter}");
  const done = await screen.findByRole("list", { name: "What was done" });
  expect(done).toHaveTextContent("added call Bob");
  expect(await screen.findByLabelText("call Bob")).toBeVisible();
});

test("answers by the rules say so once, and again after one by the model", async () => {
  const ask = async (reply: string, engine: "model" | "rules", notice: string | null) => {
    backend.answer = { ...backend.answer, reply, engine, notice };
    await user.type(field(), "hello{Enter}");
    await within(log()).findByText(reply);
  };
  const notices = () => screen.queryAllByText("The rules answer.").length;
  await open();
  await ask("A", "rules", "The rules answer.");
  expect(notices()).toBe(1);
  await ask("B", "rules", "The rules answer.");
  expect(notices()).toBe(1);
  await ask("C", "model", null);
  expect(notices()).toBe(1);
  await ask("D", "rules", "The rules answer.");
  expect(notices()).toBe(2);
});

test("the page says who answers", async () => {
  backend.engine = { engine: "model", model: "llama3.2" };
  await open();
  expect(await screen.findByText("llama3.2")).toBeVisible();
});

test("earlier turns go along, no more than the backend takes", async () => {
  await open();
  for (let turn = 1; turn <= 12; turn++) {
    await user.type(field(), `m${turn}{Enter}`);
    await waitFor(() => expect(within(log()).getAllByText("Hello.")).toHaveLength(turn));
  }
  const sent = backend.requests("POST", "/api/chat");
  expect(sent[1]).toEqual({
    message: "m2",
    history: [
      { role: "user", content: "m1" },
      { role: "assistant", content: "Hello." },
    ],
  });
  expect(sent[11].history).toHaveLength(20);
  expect(sent[11].history.at(-1)).toEqual({ role: "assistant", content: "Hello." });
});

test("a message that was not answered comes back into the field", async () => {
  await open();
  backend.failures = [{ method: "POST", path: "/api/chat", status: 503, message: "The backend cannot be reached just now." }];
  await user.type(field(), "add pay rent{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("The backend cannot be reached just now.");
  expect(field()).toHaveValue("add pay rent");
  expect(within(log()).queryByText("add pay rent")).toBeNull();
  await user.type(field(), "{Enter}");
  expect(await within(log()).findByText("Hello.")).toBeVisible();
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a suggestion is sent as it is", async () => {
  await open();
  await user.click(screen.getByRole("button", { name: "What is left?" }));
  expect(await within(log()).findByText("Hello.")).toBeVisible();
  expect(backend.requests("POST", "/api/chat")).toEqual([{ message: "What is left?", history: [] }]);
});
