"""What the process was told by its environment, read once and checked at the start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OPENAI_BASE_URL = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-4o-mini"
GROQ_BASE_URL = "https://api.groq.com/openai/v1"
GROQ_MODEL = "llama-3.3-70b-versatile"


class SettingsError(ValueError):
    """A variable whose value cannot be used; the text names the variable, never its value."""


@dataclass(frozen=True)
class ModelEndpoint:
    """An OpenAI-compatible server. Without a model's name the server is asked which it has."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    model: str | None = None


@dataclass(frozen=True)
class Settings:
    database_path: Path = Path("data/todo.db")
    host: str = "0.0.0.0"
    port: int = 8000
    log_level: str = "info"
    chat_seconds: float = 20.0
    endpoint: ModelEndpoint | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        values = {name: value.strip() for name, value in environment.items()}
        return cls(
            database_path=_database_path(values, cls.database_path),
            host=values.get("HOST") or cls.host,
            port=int(_number(values, "PORT", cls.port, lowest=1, highest=65535)),
            log_level=_log_level(values.get("LOG_LEVEL") or cls.log_level),
            chat_seconds=_number(values, "CHAT_TIMEOUT_SECONDS", cls.chat_seconds, lowest=0.1, highest=300),
            endpoint=_endpoint(values),
        )


def _database_path(values: Mapping[str, str], default: Path) -> Path:
    """DATABASE_URL as SQLAlchemy writes it for SQLite, three slashes and a path, else DATABASE_PATH."""
    url = values.get("DATABASE_URL")
    if not url:
        return Path(values.get("DATABASE_PATH") or default)
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path:
        raise SettingsError("DATABASE_URL is none of the form sqlite:///relative.db or sqlite:////absolute.db")
    return Path(path)


def _endpoint(values: Mapping[str, str]) -> ModelEndpoint | None:
    """The first that is configured: OpenAI or what speaks like it, Groq, Ollama."""
    return _openai(values) or _groq(values) or _ollama(values)


def _openai(values: Mapping[str, str]) -> ModelEndpoint | None:
    base_url, api_key = values.get("OPENAI_BASE_URL"), values.get("OPENAI_API_KEY")
    if not base_url and not api_key:
        return None
    return ModelEndpoint(
        base_url=(base_url or OPENAI_BASE_URL).rstrip("/"),
        api_key=api_key or None,
        model=values.get("OPENAI_MODEL") or (None if base_url else OPENAI_MODEL),
    )


def _groq(values: Mapping[str, str]) -> ModelEndpoint | None:
    api_key = values.get("GROQ_API_KEY")
    if not api_key:
        return None
    return ModelEndpoint(
        base_url=(values.get("GROQ_BASE_URL") or GROQ_BASE_URL).rstrip("/"),
        api_key=api_key,
        model=values.get("GROQ_MODEL") or GROQ_MODEL,
    )


def _ollama(values: Mapping[str, str]) -> ModelEndpoint | None:
    """OLLAMA_HOST as Ollama's own client reads it: with or without the scheme."""
    host = values.get("OLLAMA_HOST")
    if not host:
        return None
    address = host if "://" in host else f"http://{host}"
    return ModelEndpoint(base_url=f"{address.rstrip('/')}/v1", model=values.get("OLLAMA_MODEL") or None)


def _number(values: Mapping[str, str], name: str, default: float, lowest: float, highest: float) -> float:
    text = values.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        raise SettingsError(f"{name} is not a number") from None
    if not lowest <= number <= highest:
        raise SettingsError(f"{name} is not between {lowest:g} and {highest:g}")
    return number


def _log_level(text: str) -> str:
    level = text.lower()
    if level not in ("debug", "info", "warning", "error"):
        raise SettingsError("LOG_LEVEL is none of debug, info, warning, error")
    return level
