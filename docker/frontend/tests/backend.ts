/** A backend in memory behind `fetch`: enough of the API for the page, and able to fail on demand. */

import { vi } from "vitest";

import type { Action, Task } from "../src/api";

export interface Asked {
  method: string;
  path: string;
  body: any;
}

interface Failure {
  method: string;
  path: string;
  status: number | "unreachable";
  message?: string;
}

export class FakeBackend {
  tasks: Task[];
  asked: Asked[] = [];
  /** What the chat says next. */
  answer: { reply: string; engine: string; fallback: string | null; notice: string | null; actions: Action[] } = {
    reply: "Hello.",
    engine: "rules",
    fallback: "not_configured",
    notice: "No language model is configured. Answered by built-in rules.",
    actions: [],
  };
  engine = { engine: "rules", model: null as string | null };
  /** The next answers to such requests, instead of the right ones. "unreachable" is no answer at all. */
  failures: Failure[] = [];

  constructor(...titles: string[]) {
    this.tasks = titles.map((title, index) => ({ id: index + 1, title, done: false }));
    vi.stubGlobal("fetch", (path: string, init: RequestInit) => this.respond(path, init));
  }

  requests(method: string, path: string): any[] {
    return this.asked.filter((asked) => asked.method === method && asked.path === path).map((asked) => asked.body);
  }

  private async respond(path: string, init: RequestInit): Promise<Response> {
    const method = init.method ?? "GET";
    const body = init.body ? JSON.parse(init.body as string) : undefined;
    this.asked.push({ method, path, body });
    const index = this.failures.findIndex((failure) => failure.method === method && failure.path === path);
    if (index >= 0) {
      const { status, message } = this.failures.splice(index, 1)[0]!;
      if (status === "unreachable") throw new TypeError("Failed to fetch");
      return message
        ? json({ error: { code: "x", message, fields: [] } }, status)
        : new Response("<html>", { status });
    }
    if (path === "/api/chat") return json(method === "GET" ? this.engine : this.answer);
    if (path === "/api/tasks" && method === "GET") return json({ tasks: this.tasks });
    if (path === "/api/tasks") {
      const task = { id: this.tasks.length + 1, title: body.title.trim(), done: false };
      this.tasks = [...this.tasks, task];
      return json(task, 201);
    }
    const id = Number(path.split("/").pop());
    if (method === "DELETE") {
      this.tasks = this.tasks.filter((task) => task.id !== id);
      return new Response(null, { status: 204 });
    }
    this.tasks = this.tasks.map((task) => (task.id === id ? { ...task, ...body } : task));
    return json(this.tasks.find((task) => task.id === id));
  }
}

function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json" } });
}
