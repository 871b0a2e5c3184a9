/** The backend as functions. Every failure is an ApiError whose message can be shown. */

export interface Task {
  id: number;
  title: string;
  done: boolean;
}

export interface Action {
  kind: "added" | "completed" | "reopened" | "renamed" | "deleted";
  task: Task;
}

export interface ChatTurn {
  role: "user" | "assistant";
  content: string;
}

export interface ChatAnswer {
  reply: string;
  engine: "model" | "rules";
  notice: string | null;
  actions: Action[];
}

export interface ChatEngine {
  engine: "model" | "rules";
  model: string | null;
}

export class ApiError extends Error {
  constructor(
    message: string,
    /** The backend is not there just now; the same request may succeed later. */
    readonly temporary: boolean,
  ) {
    super(message);
  }
}

/** Where the API is: a path of the page's own server. The page's Content-Security-Policy lets it ask no other. */
const API = import.meta.env.VITE_API_URL ?? "/api";

/** What the backend takes at most, so that a long conversation is not refused. */
const HISTORY = { turns: 20, length: 4000 };

export const listTasks = async (): Promise<Task[]> =>
  (await request<{ tasks: Task[] }>("GET", "/tasks")).tasks;

export const addTask = (title: string): Promise<Task> => request("POST", "/tasks", { title });

export const changeTask = (id: number, change: { title?: string; done?: boolean }): Promise<Task> =>
  request("PATCH", `/tasks/${id}`, change);

export const deleteTask = (id: number): Promise<void> => request("DELETE", `/tasks/${id}`);

export const chatEngine = (): Promise<ChatEngine> => request("GET", "/chat");

export const sendMessage = (message: string, history: ChatTurn[]): Promise<ChatAnswer> =>
  request("POST", "/chat", {
    message,
    history: history
      .slice(-HISTORY.turns)
      .map(({ role, content }) => ({ role, content: content.slice(0, HISTORY.length) })),
  });

async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(API + path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    throw new ApiError("The server cannot be reached.", true);
  }
  if (response.status === 204) return undefined as T;
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer as T;
  throw new ApiError(
    messageOf(answer) ?? `The server answered with HTTP ${response.status}.`,
    response.status >= 500,
  );
}

function messageOf(answer: unknown): string | undefined {
  const message = (answer as { error?: { message?: unknown } } | null)?.error?.message;
  return typeof message === "string" ? message : undefined;
}
