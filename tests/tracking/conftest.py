import os

import pytest

KEY = "5ec4e7" * 7  # as long as a real one


@pytest.fixture
def client(monkeypatch, tmp_path):
    """The real wandb, with none of the tester's settings, keys or earlier sessions."""
    import wandb

    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "no-config"))
    wandb.teardown()
    yield wandb
    wandb.teardown()


@pytest.fixture
def server():
    from tests.support.wandb_server import Server

    running = Server()
    yield running
    running.hanging.clear()
    running.close()


@pytest.fixture
def online(client, server, monkeypatch):
    """A session whose server responds, with time limits of seconds."""
    for name, value in {
        "WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "WANDB_HTTP_TIMEOUT": "3",
        "WANDB_INIT_TIMEOUT": "5", "WANDB_FINISH_TIMEOUT": "5",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return client
