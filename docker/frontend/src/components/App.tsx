/** The page: the list and the chat about it, side by side, stacked where there is no room. */

import { useEffect, useState } from "react";

import { chatEngine, type ChatEngine } from "../api";
import { useTasks } from "../useTasks";
import { ChatPanel } from "./ChatPanel";
import { Logo } from "./icons";
import { TaskPanel } from "./TaskPanel";

export function App() {
  const tasks = useTasks();
  const engine = useEngine(tasks.loaded);

  return (
    <>
      <header className="top">
        <Logo />
        <h1>Todo Chatbot</h1>
        {engine && (
          <span className="engine" title="Who answers in the chat">
            {engine.engine === "rules" ? "Built-in rules" : (engine.model ?? "Language model")}
          </span>
        )}
      </header>
      <main>
        <TaskPanel tasks={tasks} />
        <ChatPanel onAnswer={tasks.refresh} />
      </main>
    </>
  );
}

/** Asked once the server has shown that it is there. */
function useEngine(reachable: boolean): ChatEngine | undefined {
  const [engine, setEngine] = useState<ChatEngine>();
  useEffect(() => {
    if (reachable) chatEngine().then(setEngine, () => undefined);
  }, [reachable]);
  return engine;
}
