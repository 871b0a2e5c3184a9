/** The list: what it shows, how it is changed by mouse and by keyboard, and what it says when that fails. */

import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { App } from "../src/components/App";
import { FakeBackend } from "./backend";

let backend: FakeBackend;
const user = userEvent.setup();

beforeEach(() => {
  backend = new FakeBackend("buy milk", "call Bob");
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const titles = () => screen.getAllByRole("checkbox").map((box) => box.closest("label")!.textContent);

async function open() {
  render(<App />);
  await screen.findByText(/open of/);
}

test("shows the tasks with their numbers and how many are open", async () => {
  await open();
  expect(titles()).toEqual(["buy milk", "call Bob"]);
  expect(screen.getByText("#2")).toBeVisible();
  expect(screen.getByText("2 open of 2")).toBeVisible();
});

test("an empty list says what to do", async () => {
  backend.tasks = [];
  render(<App />);
  expect(await screen.findByText(/Nothing here yet/)).toBeVisible();
});

test("Enter adds a task and empties the line", async () => {
  await open();
  await user.type(screen.getByLabelText("New task"), "pay rent{Enter}");
  expect(await screen.findByText("pay rent")).toBeVisible();
  expect(screen.getByLabelText("New task")).toHaveValue("");
  expect(backend.requests("POST", "/api/tasks")).toEqual([{ title: "pay rent" }]);
});

test("a blank task is not sent", async () => {
  await open();
  await user.type(screen.getByLabelText("New task"), "   {Enter}");
  expect(screen.getByRole("button", { name: "Add" })).toBeDisabled();
  expect(backend.requests("POST", "/api/tasks")).toEqual([]);
});

test("ticking completes a task, ticking again reopens it", async () => {
  await open();
  await user.click(screen.getByLabelText("buy milk"));
  await waitFor(() => expect(screen.getByLabelText("buy milk")).toBeChecked());
  expect(screen.getByText("1 open of 2")).toBeVisible();
  await user.click(screen.getByLabelText("buy milk"));
  await waitFor(() => expect(screen.getByLabelText("buy milk")).not.toBeChecked());
});

test("a task is renamed in place, and the focus comes back", async () => {
  await open();
  await user.click(screen.getByRole("button", { name: "Rename “buy milk”" }));
  const field = screen.getByLabelText("New title of “buy milk”");
  expect(field).toHaveFocus();
  await user.clear(field);
  await user.type(field, "buy oat milk{Enter}");
  expect(await screen.findByText("buy oat milk")).toBeVisible();
  expect(screen.getByRole("button", { name: "Rename “buy oat milk”" })).toHaveFocus();
});

test("Escape leaves the title as it was", async () => {
  await open();
  await user.click(screen.getByRole("button", { name: "Rename “buy milk”" }));
  await user.type(screen.getByLabelText("New title of “buy milk”"), " and eggs{Escape}");
  expect(titles()).toEqual(["buy milk", "call Bob"]);
  expect(backend.requests("PATCH", "/api/tasks/1")).toEqual([]);
  expect(screen.getByRole("button", { name: "Rename “buy milk”" })).toHaveFocus();
});

test("a refused title stays in the field with the reason", async () => {
  await open();
  backend.failures = [{ method: "PATCH", path: "/api/tasks/1", status: 422, message: "A title must not be blank." }];
  await user.click(screen.getByRole("button", { name: "Rename “buy milk”" }));
  await user.type(screen.getByLabelText("New title of “buy milk”"), "x{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("A title must not be blank.");
  expect(screen.getByLabelText("New title of “buy milk”")).toBeVisible();
});

test("a task is deleted", async () => {
  await open();
  await user.click(screen.getByRole("button", { name: "Delete “buy milk”" }));
  await waitFor(() => expect(titles()).toEqual(["call Bob"]));
});

test("the list can be narrowed to what is open or done", async () => {
  backend.tasks[0]!.done = true;
  await open();
  const show = within(screen.getByRole("group", { name: "Show" }));
  await user.click(show.getByRole("button", { name: "Open" }));
  expect(titles()).toEqual(["call Bob"]);
  await user.click(show.getByRole("button", { name: "Done" }));
  expect(titles()).toEqual(["buy milk"]);
  expect(show.getByRole("button", { name: "Done" })).toHaveAttribute("aria-pressed", "true");
});

test("a backend that is away is said, tried again, and the page recovers", async () => {
  vi.useFakeTimers();
  backend.failures = [{ method: "GET", path: "/api/tasks", status: "unreachable" }];
  render(<App />);
  await act(() => vi.advanceTimersByTimeAsync(0));
  expect(screen.getByRole("alert")).toHaveTextContent("The server cannot be reached. Trying again…");
  await act(() => vi.advanceTimersByTimeAsync(3000));
  expect(screen.queryByRole("alert")).toBeNull();
  expect(titles()).toEqual(["buy milk", "call Bob"]);
});

test("a task that could not be added stays in the line", async () => {
  await open();
  backend.failures = [{ method: "POST", path: "/api/tasks", status: 503, message: "The tasks cannot be reached just now." }];
  await user.type(screen.getByLabelText("New task"), "pay rent{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("The tasks cannot be reached just now.");
  expect(screen.getByLabelText("New task")).toHaveValue("pay rent");
});

test("an error page that is no JSON is an error all the same", async () => {
  await open();
  backend.failures = [{ method: "POST", path: "/api/tasks", status: 500 }];
  await user.type(screen.getByLabelText("New task"), "pay rent{Enter}");
  expect(await screen.findByRole("alert")).toHaveTextContent("HTTP 500");
});
