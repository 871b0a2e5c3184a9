"""The Todo Chatbot's backend: tasks in SQLite, an HTTP API, and a chat that manages tasks.

Read in this order: `tasks` (what is stored), `api` (what can be asked), `chat` (who answers),
`server` and `__main__` (how the process starts and stops).
"""
