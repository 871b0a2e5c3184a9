/** The list: what is open, what is done, and a line to add to it. */

import { useEffect, useState } from "react";

import type { Task } from "../api";
import { textOf, type Tasks } from "../useTasks";
import { AddTask } from "./AddTask";
import { TaskItem } from "./TaskItem";

const FILTERS = {
  all: { label: "All", shows: (_: Task) => true, empty: "Nothing here yet. Add a task, or ask the chat to." },
  open: { label: "Open", shows: (task: Task) => !task.done, empty: "Nothing is open. Well done!" },
  done: { label: "Done", shows: (task: Task) => task.done, empty: "Nothing is done yet." },
};
type Filter = keyof typeof FILTERS;

export function TaskPanel({ tasks: { tasks, loaded, problem, add, rename, setDone, remove } }: { tasks: Tasks }) {
  const [filter, setFilter] = useState<Filter>("all");
  const [failure, setFailure] = useState<string>();

  useEffect(() => {
    if (!problem) setFailure(undefined);
  }, [problem]);

  const attempt = async (change: Promise<void>): Promise<boolean> => {
    try {
      await change;
      setFailure(undefined);
      return true;
    } catch (error) {
      setFailure(textOf(error));
      return false;
    }
  };

  const open = tasks.filter((task) => !task.done).length;
  const shown = tasks.filter(FILTERS[filter].shows);

  return (
    <section className="panel tasks" aria-labelledby="tasks-heading">
      <div className="panel-head">
        <h2 id="tasks-heading">Tasks</h2>
        <p className="count" role="status">
          {loaded && tasks.length > 0 && `${open} open of ${tasks.length}`}
        </p>
      </div>
      <progress aria-label="Tasks done" max={tasks.length || 1} value={tasks.length - open} />

      <AddTask onAdd={(title) => attempt(add(title))} />
      {(problem ?? failure) && (
        <p className="problem" role="alert">
          {problem ? `${problem} Trying again…` : failure}
        </p>
      )}

      <div className="filters" role="group" aria-label="Show">
        {(Object.keys(FILTERS) as Filter[]).map((name) => (
          <button key={name} type="button" aria-pressed={filter === name} onClick={() => setFilter(name)}>
            {FILTERS[name].label}
          </button>
        ))}
      </div>

      {shown.length > 0 ? (
        <ul className="list">
          {shown.map((task) => (
            <TaskItem
              key={task.id}
              task={task}
              onToggle={() => attempt(setDone(task.id, !task.done))}
              onRename={(title) => attempt(rename(task.id, title))}
              onDelete={() => attempt(remove(task.id))}
            />
          ))}
        </ul>
      ) : (
        <p className="empty">{loaded ? FILTERS[filter].empty : problem ? "" : "Loading…"}</p>
      )}
    </section>
  );
}
