"""Settings from the environment."""

from pathlib import Path

import pytest

from app.settings import (
    GROQ_BASE_URL,
    GROQ_MODEL,
    OPENAI_BASE_URL,
    OPENAI_MODEL,
    ModelEndpoint,
    Settings,
    SettingsError,
)


def read(**environment):
    return Settings.from_environment(environment)


def test_nothing_is_needed():
    assert read() == Settings()
    assert read(OPENAI_API_KEY="", OPENAI_BASE_URL=" ", OPENAI_MODEL="", PORT="") == Settings()


def test_values_are_read():
    settings = read(DATABASE_PATH="/data/x.db", PORT="9000", LOG_LEVEL="DEBUG", CHAT_TIMEOUT_SECONDS="2.5")
    assert settings == Settings(Path("/data/x.db"), port=9000, log_level="debug", chat_seconds=2.5)


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        ({"OPENAI_API_KEY": "k\n"}, ModelEndpoint(OPENAI_BASE_URL, "k", OPENAI_MODEL)),
        ({"OPENAI_BASE_URL": "http://o:11434/v1/"}, ModelEndpoint("http://o:11434/v1", None, None)),
        (
            {"OPENAI_BASE_URL": "http://o/v1", "OPENAI_API_KEY": "k", "OPENAI_MODEL": "m"},
            ModelEndpoint("http://o/v1", "k", "m"),
        ),
        ({"OPENAI_MODEL": "m"}, None),
        ({"GROQ_API_KEY": "k"}, ModelEndpoint(GROQ_BASE_URL, "k", GROQ_MODEL)),
        (
            {"GROQ_API_KEY": "k", "GROQ_BASE_URL": "http://g/v1/", "GROQ_MODEL": "m"},
            ModelEndpoint("http://g/v1", "k", "m"),
        ),
        ({"GROQ_BASE_URL": "http://g/v1", "GROQ_MODEL": "m"}, None),
        ({"OLLAMA_HOST": "http://o:11434/"}, ModelEndpoint("http://o:11434/v1")),
        ({"OLLAMA_HOST": "o:11434", "OLLAMA_MODEL": "m"}, ModelEndpoint("http://o:11434/v1", None, "m")),
        ({"OLLAMA_MODEL": "m"}, None),
    ],
)
def test_a_key_or_an_address_makes_an_endpoint(environment, endpoint):
    assert read(**environment).endpoint == endpoint


def test_openai_comes_before_groq_and_groq_before_ollama():
    environment = {"OLLAMA_HOST": "o", "GROQ_API_KEY": "g"}
    assert read(**environment).endpoint.api_key == "g"
    assert read(**environment, OPENAI_API_KEY="k").endpoint.api_key == "k"


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:////data/todo.db", "/data/todo.db"), ("sqlite:///todo.db", "todo.db"), ("", "/srv/x.db")],
)
def test_a_database_url_comes_before_the_path(url, path):
    assert read(DATABASE_URL=url, DATABASE_PATH="/srv/x.db").database_path == Path(path)


@pytest.mark.parametrize(
    "environment",
    [
        {"PORT": "x9"},
        {"PORT": "0"},
        {"CHAT_TIMEOUT_SECONDS": "nan"},
        {"LOG_LEVEL": "x9"},
        {"DATABASE_URL": "postgres://x9@db/x9"},
        {"DATABASE_URL": "sqlite:///"},
    ],
)
def test_a_wrong_value_is_named_but_not_repeated(environment):
    with pytest.raises(SettingsError) as caught:
        read(**environment)
    assert next(iter(environment)) in str(caught.value) and "x9" not in str(caught.value)


def test_the_key_is_not_in_the_settings_text():
    assert "sk-1" not in repr(read(OPENAI_API_KEY="sk-1"))
