"""Settings from the environment."""

from pathlib import Path

import pytest

from app.settings import OPENAI_BASE_URL, OPENAI_MODEL, ModelEndpoint, Settings, SettingsError


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
    ],
)
def test_a_key_or_an_address_makes_an_endpoint(environment, endpoint):
    assert read(**environment).endpoint == endpoint


@pytest.mark.parametrize(
    "environment", [{"PORT": "x9"}, {"PORT": "0"}, {"CHAT_TIMEOUT_SECONDS": "nan"}, {"LOG_LEVEL": "x9"}]
)
def test_a_wrong_value_is_named_but_not_repeated(environment):
    with pytest.raises(SettingsError) as caught:
        read(**environment)
    assert next(iter(environment)) in str(caught.value) and "x9" not in str(caught.value)


def test_the_key_is_not_in_the_settings_text():
    assert "sk-1" not in repr(read(OPENAI_API_KEY="sk-1"))
