/** One task: tick it, rename it in place (Enter saves, Escape does not), delete it. */

import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";

import type { Task } from "../api";
import { TITLE_LENGTH } from "./AddTask";
import { Bin, Pencil } from "./icons";

interface Props {
  task: Task;
  onToggle: () => void;
  onRename: (title: string) => Promise<boolean>;
  onDelete: () => void;
}

export function TaskItem({ task, onToggle, onRename, onDelete }: Props) {
  const [editing, setEditing] = useState(false);
  const editButton = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);

  useEffect(() => {
    if (wasEditing.current && !editing) editButton.current?.focus();
    wasEditing.current = editing;
  }, [editing]);

  if (editing) {
    return (
      <li className="task">
        <TitleEditor title={task.title} onSave={onRename} onEnd={() => setEditing(false)} />
      </li>
    );
  }
  return (
    <li className={task.done ? "task done" : "task"}>
      <label className="tick">
        <input type="checkbox" checked={task.done} onChange={onToggle} />
        <span className="title">{task.title}</span>
      </label>
      <span className="number" title="Its number in the chat">
        #{task.id}
      </span>
      <button ref={editButton} type="button" aria-label={`Rename “${task.title}”`} onClick={() => setEditing(true)}>
        <Pencil />
      </button>
      <button type="button" className="danger" aria-label={`Delete “${task.title}”`} onClick={onDelete}>
        <Bin />
      </button>
    </li>
  );
}

interface EditorProps {
  title: string;
  onSave: (title: string) => Promise<boolean>;
  onEnd: () => void;
}

function TitleEditor({ title, onSave, onEnd }: EditorProps) {
  const [text, setText] = useState(title);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!text.trim()) return;
    if (text.trim() === title || (await onSave(text))) onEnd();
  };
  const cancelOnEscape = (event: KeyboardEvent) => {
    if (event.key === "Escape") onEnd();
  };

  return (
    <form className="edit" onSubmit={submit} onKeyDown={cancelOnEscape}>
      <input
        ref={field}
        aria-label={`New title of “${title}”`}
        value={text}
        maxLength={TITLE_LENGTH}
        autoComplete="off"
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="primary" disabled={!text.trim()}>
        Save
      </button>
      <button type="button" onClick={onEnd}>
        Cancel
      </button>
    </form>
  );
}
