/** The conversation: what was said, what was done about it, and by whom. */

import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from "react";

import { sendMessage, type Action, type ChatTurn } from "../api";
import { textOf } from "../useTasks";
import { Send } from "./icons";

const MESSAGE_LENGTH = 2000;
const SUGGESTIONS = ["Add buy milk", "What is left?", "Complete the last one", "Help"];

interface Said extends ChatTurn {
  /** Why the rules answered, if they did. */
  notice?: string | null;
  /** What a model did, as the server saw it; the rules say it themselves. */
  actions?: Action[];
}

export function ChatPanel({ onAnswer }: { onAnswer: () => Promise<void> }) {
  const [said, setSaid] = useState<Said[]>([]);
  const [text, setText] = useState("");
  const [waiting, setWaiting] = useState(false);
  const [problem, setProblem] = useState<string>();
  const log = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [said, waiting]);

  const send = async (message: string) => {
    if (!message || waiting) return;
    setWaiting(true);
    setProblem(undefined);
    setText("");
    setSaid([...said, { role: "user", content: message }]);
    try {
      const { reply, notice, engine, actions } = await sendMessage(message, said);
      const shown = engine === "model" ? actions : [];
      setSaid((before) => [...before, { role: "assistant", content: reply, notice, actions: shown }]);
    } catch (error) {
      setSaid(said);
      setText(message);
      setProblem(`${textOf(error)} Your message was not answered.`);
    }
    setWaiting(false);
    await onAnswer();
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void send(text.trim());
  };
  const sendOnEnter = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send(text.trim());
  };

  return (
    <section className="panel chat" aria-labelledby="chat-heading">
      <div className="panel-head">
        <h2 id="chat-heading">Chat</h2>
      </div>
      <div className="log" ref={log} role="log" aria-live="polite" aria-label="Conversation" tabIndex={0}>
        {said.length === 0 && <Welcome onChoose={(message) => void send(message)} />}
        {said.map((turn, index) => (
          <Bubble key={index} turn={turn} sameNotice={turn.notice === said[index - 2]?.notice} />
        ))}
        {waiting && (
          <p className="bubble assistant typing">
            <span className="unseen">Thinking…</span>
            <i />
            <i />
            <i />
          </p>
        )}
      </div>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <form className="composer" onSubmit={submit}>
        <label htmlFor="message" className="unseen">
          Message
        </label>
        <textarea
          id="message"
          rows={1}
          value={text}
          maxLength={MESSAGE_LENGTH}
          placeholder="Add, list, complete…"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={sendOnEnter}
        />
        <button type="submit" className="primary round" aria-label="Send" disabled={!text.trim() || waiting}>
          <Send />
        </button>
      </form>
    </section>
  );
}

function Welcome({ onChoose }: { onChoose: (message: string) => void }) {
  return (
    <div className="welcome">
      <p>Tell me what you have to do, in your own words.</p>
      <div className="suggestions">
        {SUGGESTIONS.map((suggestion) => (
          <button key={suggestion} type="button" onClick={() => onChoose(suggestion)}>
            {suggestion}
          </button>
        ))}
      </div>
    </div>
  );
}

function Bubble({ turn, sameNotice }: { turn: Said; sameNotice: boolean }) {
  return (
    <div className={`turn ${turn.role}`}>
      <p className={`bubble ${turn.role}`}>
        <span className="unseen">{turn.role === "user" ? "You: " : "Chatbot: "}</span>
        {turn.content}
      </p>
      {turn.actions && turn.actions.length > 0 && (
        <ul className="actions" aria-label="What was done">
          {turn.actions.map((action, index) => (
            <li key={index} className={action.kind}>
              {action.kind} <b>{action.task.title}</b>
            </li>
          ))}
        </ul>
      )}
      {turn.notice && !sameNotice && <p className="notice">{turn.notice}</p>}
    </div>
  );
}
