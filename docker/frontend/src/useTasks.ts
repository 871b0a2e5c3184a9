/** The tasks as the server has them: fetched again after each change, when the page is looked at, and in between. */

import { useCallback, useEffect, useRef, useState } from "react";

import { ApiError, addTask, changeTask, deleteTask, listTasks, type Task } from "./api";

const REFRESH_MS = 15_000;
const RETRY_MS = 2_000;

export interface Tasks {
  tasks: Task[];
  loaded: boolean;
  /** Why the list may be out of date; undefined while all is well. */
  problem: string | undefined;
  refresh: () => Promise<void>;
  add: (title: string) => Promise<void>;
  rename: (id: number, title: string) => Promise<void>;
  setDone: (id: number, done: boolean) => Promise<void>;
  remove: (id: number) => Promise<void>;
}

export function useTasks(): Tasks {
  const [tasks, setTasks] = useState<Task[]>([]);
  const [loaded, setLoaded] = useState(false);
  const [problem, setProblem] = useState<string>();
  const newest = useRef(0);

  const refresh = useCallback(async () => {
    const mine = ++newest.current;
    try {
      const found = await listTasks();
      if (mine !== newest.current) return;
      setTasks(found);
      setLoaded(true);
      setProblem(undefined);
    } catch (error) {
      if (mine === newest.current) setProblem(textOf(error));
    }
  }, []);

  useEffect(() => void refresh(), [refresh]);

  useEffect(() => {
    const whenVisible = () => {
      if (document.visibilityState === "visible") void refresh();
    };
    document.addEventListener("visibilitychange", whenVisible);
    const timer = setInterval(whenVisible, problem ? RETRY_MS : REFRESH_MS);
    return () => {
      document.removeEventListener("visibilitychange", whenVisible);
      clearInterval(timer);
    };
  }, [refresh, problem]);

  const changing = useCallback(
    async (change: () => Promise<unknown>) => {
      try {
        await change();
      } finally {
        await refresh();
      }
    },
    [refresh],
  );

  return {
    tasks,
    loaded,
    problem,
    refresh,
    add: (title) => changing(() => addTask(title)),
    rename: (id, title) => changing(() => changeTask(id, { title })),
    setDone: (id, done) => changing(() => changeTask(id, { done })),
    remove: (id) => changing(() => deleteTask(id)),
  };
}

export function textOf(error: unknown): string {
  return error instanceof ApiError ? error.message : "Something went wrong.";
}
