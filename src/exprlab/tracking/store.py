"""Where runs are published: the store's place, its lock, its health and its moving.

Nothing here imports MLflow; an SQLite store is examined before MLflow opens (and changes) it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from exprlab.errors import UserError

DATABASE = "mlflow.db"
ARTIFACTS = "artifacts"
LOCK = "publish.lock"
# Tag of an experiment: the folder its artifacts are under, by which a moved store is noticed.
STORE_TAG = "exprlab.store"
LOCK_SECONDS = 120.0
DATABASE_SECONDS = 20.0

# Columns that hold absolute locations of artifacts.
LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)


@dataclass(frozen=True)
class Location:
    """A store: its URI, the folder of its lock, and the database if it is one SQLite file."""

    uri: str
    folder: Path
    database: Path | None

    @property
    def artifacts(self) -> str | None:
        """The URI under which an SQLite store keeps its artifacts; a server has its own."""
        return None if self.database is None else (self.folder / ARTIFACTS).as_uri()

    @property
    def remedy(self) -> str:
        """What to do about a store that cannot be used."""
        if self.database is None:
            return (
                "Check tracking.uri (or MLFLOW_TRACKING_URI) and that the server runs; the results "
                "are complete as files and can be published later"
            )
        return (
            f"The store is only a view of results/: delete {self.database} and "
            f"{self.folder / ARTIFACTS}, publish again, and it is rebuilt from the files"
        )


def locate(uri: str, store: Path) -> Location:
    """Return the store that `uri` names; an empty one names the embedded store in `store`.

    Raises
    ------
    UserError
        If MLflow no longer takes such a URI.
    """
    store = store.resolve()
    if not uri:
        return Location(f"sqlite:///{store / DATABASE}", store, store / DATABASE)
    if uri.startswith("sqlite:///"):
        database = Path(uri.removeprefix("sqlite:///")).resolve()
        return Location(f"sqlite:///{database}", database.parent, database)
    if uri.startswith("file:") or ("://" not in uri and not uri.startswith("databricks")):
        raise UserError(
            f"tracking.uri: found '{uri}', a folder, which MLflow no longer takes as a store; "
            "leave it empty for the embedded store, or name a file (sqlite:////path/mlflow.db) or "
            "a server (http://host:port)"
        )
    return Location(uri, store, None)


@contextmanager
def single_writer(folder: Path) -> Iterator[None]:
    """Hold the store's lock, so that two publications never write at once.

    Raises
    ------
    UserError
        If the folder cannot be written to, or the lock is held by another for too long.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise UserError(
            f"{path}: another publication has held this lock for more than {LOCK_SECONDS:.0f} s; "
            "wait until it has ended, then publish again. The lock goes with its process, so there "
            "is no need to delete the file"
        ) from None
    except OSError as error:
        raise UserError(
            f"{folder}: the MLflow store cannot be written there ({error.strerror or error}); make "
            "the folder writable or set tracking.uri to another store"
        ) from None
    try:
        yield
    finally:
        lock.release()


def check_database(location: Location) -> bool:
    """Return whether an SQLite store exists, after making sure that it is whole and writable.

    Raises
    ------
    UserError
        If it is locked, read-only, damaged or no SQLite file.
    """
    database = location.database
    if database is None or not database.exists():
        return False
    if database.stat().st_size == 0:
        database.unlink()  # all that a creation stopped at its very beginning leaves
        return False
    try:
        with _connection(database) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise _unusable(location, error) from None
    if verdict != "ok" or not {"experiments", "runs", "alembic_version"} <= tables:
        found = verdict if verdict != "ok" else "it holds no MLflow tables"
        raise UserError(f"{database}: not a usable MLflow store ({found}). {location.remedy}")
    return True


def relocate(store: Path) -> int:
    """Point a moved store's artifacts to where they are now.

    MLflow keeps absolute locations in the database. Each experiment is tagged with the folder that
    they were written for; where the store is now somewhere else, that beginning is replaced.

    Parameters
    ----------
    store : Path
        The folder of mlflow.db and artifacts/, or the database file itself.

    Returns
    -------
    int
        Experiments that were brought up to date.

    Raises
    ------
    UserError
        If the database cannot be changed.
    """
    store = store.resolve()
    database = store / DATABASE if store.is_dir() else store
    location = Location(f"sqlite:///{database}", database.parent, database)
    new = location.artifacts
    try:
        with _connection(database) as connection:
            query = "SELECT DISTINCT value FROM experiment_tags WHERE key = ? AND value != ?"
            stale = [row[0] for row in connection.execute(query, (STORE_TAG, new))]
            if not stale:
                return 0
            connection.execute("BEGIN IMMEDIATE")
            changed = sum(_replace_root(connection, old, str(new)) for old in stale)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise _unusable(location, error) from None
    return changed


def _replace_root(connection: sqlite3.Connection, old: str, new: str) -> int:
    """Replace the beginning `old` of all locations by `new`; return the number of experiments."""
    for table, column in LOCATIONS:
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
            f"WHERE substr({column}, 1, ?) = ?",
            (new, len(old) + 1, len(old) + 1, old + "/"),
        )
    return connection.execute(
        "UPDATE experiment_tags SET value = ? WHERE key = ? AND value = ?", (new, STORE_TAG, old)
    ).rowcount


@contextmanager
def _connection(database: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing database for explicit transactions, and close it for certain."""
    # mode=rw: a missing file is an error and not a new, empty database.
    uri = f"{database.as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=DATABASE_SECONDS, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _unusable(location: Location, error: sqlite3.Error) -> UserError:
    """Return what to tell about a database that SQLite refuses."""
    text = str(error)
    if "locked" in text:
        return UserError(
            f"{location.database}: another program has kept this MLflow store locked for "
            f"{DATABASE_SECONDS:.0f} s; close it (a database browser, another publication) and "
            "publish again"
        )
    if "readonly" in text or not os.access(str(location.database), os.W_OK):
        return UserError(
            f"{location.database}: this MLflow store is read-only; make the file and its folder "
            "writable, or set tracking.uri to another store"
        )
    return UserError(f"{location.database}: not a usable MLflow store ({text}). {location.remedy}")
