/** One line and a button; the line is emptied only when the task is on the list. */

import { useState, type FormEvent } from "react";

export const TITLE_LENGTH = 200;

export function AddTask({ onAdd }: { onAdd: (title: string) => Promise<boolean> }) {
  const [title, setTitle] = useState("");
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!title.trim() || busy) return;
    setBusy(true);
    if (await onAdd(title)) setTitle("");
    setBusy(false);
  };

  return (
    <form className="add" onSubmit={submit}>
      <label htmlFor="new-task" className="unseen">
        New task
      </label>
      <input
        id="new-task"
        value={title}
        maxLength={TITLE_LENGTH}
        placeholder="What needs to be done?"
        autoComplete="off"
        onChange={(event) => setTitle(event.target.value)}
      />
      <button type="submit" className="primary" disabled={!title.trim() || busy}>
        Add
      </button>
    </form>
  );
}
