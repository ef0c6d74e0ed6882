"""The databases that version 0.1.0 wrote (commit 003bb03), as dumps: a training that has ended, its model chosen as the
default of its family, and a tuning in the queue."""

import sqlite3
from pathlib import Path

import psycopg

FOLDER = Path(__file__).parent / "databases"
TRAINING = "41c929dc-d000-51a5-95b1-1fcf8a66b736"
QUEUED = "5689052e-337c-588a-b528-8017b67676a6"
MODEL = "memory-lstm-caebe58723"
SHA256 = "9767ec06bfe85aff91ac7507eb42e93cbbd14b041d1b4bb005e58b3ba4fb75d3"


def restore(url: str) -> None:
    """Fills the empty database at this address with the dump of its kind."""
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.executescript((FOLDER / "0.1.0-sqlite.sql").read_text("utf-8"))
        connection.close()
    else:
        with psycopg.connect(url) as connection:
            connection.execute((FOLDER / "0.1.0-postgresql.sql").read_bytes())
