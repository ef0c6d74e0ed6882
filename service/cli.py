"""The command line: `patchclamp serve`, and its two parts apart, `patchclamp api` and `patchclamp worker`."""

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from service import logs
from service.settings import CannotStart, InvalidSettings, Settings, read_settings
from service.supervisor import CANNOT_START

if TYPE_CHECKING:
    from sqlalchemy import Engine


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "doctor":  # finds words of its own for settings that are refused
        return _doctor(options)
    try:
        settings = _settings(options.command)
        logs.configure(settings.log_level, settings.log_format)
        return options.run(settings, options)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return CANNOT_START


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("patchclamp", description="Patch-clamp recording for neural networks, over HTTP.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="API and workers under one supervisor").set_defaults(run=_serve)
    api = commands.add_parser("api", help="the API alone")
    api.add_argument("--socket", type=int, help="take connections from this open file instead of HOST and PORT")
    api.set_defaults(run=_api)
    worker = commands.add_parser("worker", help="one worker alone")
    for part in (api, worker):
        part.add_argument("--with-parent", action="store_true", help="end when standard input does")
    worker.add_argument("--id", help="who this worker is, so that it finds its job again after a restart")
    worker.set_defaults(run=_worker)
    commands.add_parser("openapi", help="print the OpenAPI document").set_defaults(run=_openapi)
    backup = commands.add_parser("backup", help="copy a SQLite database into a new file, while the service goes on")
    restore = commands.add_parser("restore", help="put such a copy in the place of a database that is not there")
    for copy in (backup, restore):
        copy.add_argument("file", type=Path, help="the copy")
        copy.set_defaults(run=_backup)
    _add_keys(commands.add_parser("keys", help="make, list and revoke keys"))
    doctor = commands.add_parser("doctor", help="check whether the service can serve here, and say what to do")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser


def _add_keys(keys: argparse.ArgumentParser) -> None:
    verbs = keys.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("make", help="make a key for each name, and tell it once")
    make.add_argument("names", nargs="*", metavar="NAME", help="whose; without a name one for the whole course")
    make.add_argument("--course", default="", help="the course they take or give")
    make.add_argument("--role", choices=("student", "lecturer", "admin", "monitor"), default="student")
    make.add_argument("--days", type=_days, help="how long it is good (default: until it is revoked)")
    make.set_defaults(run=_make_keys)
    verbs.add_parser("list", help="list all keys, without their secrets").set_defaults(run=_list_keys)
    revoke = verbs.add_parser("revoke", help="let keys be good no longer")
    revoke.add_argument("ids", nargs="+", metavar="ID", help="as the list tells it")
    revoke.set_defaults(run=_revoke_keys)


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 10_000:
        raise ValueError
    return days


def _settings(command: str) -> Settings:
    """The settings, which have to do for this command."""
    settings = read_settings(dict(os.environ))
    if command in ("serve", "api") and not settings.is_local:
        from service.admission import refuse_strangers

        refuse_strangers(settings)
    return settings


# Each command imports what it needs: the supervisor must not wait for torch.


def _serve(settings: Settings, _options: argparse.Namespace) -> int:
    from service.supervisor import supervise

    return supervise(settings)


def _api(settings: Settings, options: argparse.Namespace) -> int:
    import uvicorn
    from uvicorn.config import STARTUP_FAILURE

    from service import memory
    from service.app import create_app
    from service.protocol import Protocol

    memory.share_and_keep()
    memory.give_back_now_and_then()
    _follow_parent(options)
    _prepared(settings).dispose()  # what uvicorn starts could not say why it cannot start
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http=Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    server.run(None if options.socket is None else [socket.socket(fileno=options.socket)])
    return 0 if server.started else STARTUP_FAILURE


def _worker(settings: Settings, options: argparse.Namespace) -> int:
    from service.jobs.worker import run_worker
    from service.operations import KINDS

    _follow_parent(options)
    os.nice(10)  # predictions stay quick while it trains
    run_worker(settings, KINDS, options.id)
    return 0


def _follow_parent(options: argparse.Namespace) -> None:
    """Ends this process in good order when the supervisor is gone, however it went: its end of the pipe closes."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1):  # not sys.stdin itself: its lock would hinder an orderly exit
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    if options.with_parent:
        threading.Thread(target=wait, name="parent", daemon=True).start()


def _make_keys(settings: Settings, options: argparse.Namespace) -> int:
    from service import keys
    from service.principals import InvalidName

    if not options.names and not options.course:
        print("Say whose key it is, or of which --course.", file=sys.stderr)
        return CANNOT_START
    engine = _prepared(settings)
    try:
        for name in options.names or [keys.EVERYONE]:
            key = keys.make(engine, name, options.course, options.role, options.days)
            print(f"{name}\t{key}", flush=True)
    except InvalidName as error:
        print(error, file=sys.stderr)
        return 1
    print("Each key is told here and never again; only its hash is kept.", file=sys.stderr)
    return 0


def _list_keys(settings: Settings, _options: argparse.Namespace) -> int:
    from service import keys

    for key in keys.read(_prepared(settings)).values():
        print("\t".join((key.id, key.state, key.role, key.principal.id, key.made_on, key.good_until)))
    return 0


def _revoke_keys(settings: Settings, options: argparse.Namespace) -> int:
    from service import keys

    engine = _prepared(settings)
    unknown = [key_id for key_id in options.ids if not keys.revoke(engine, key_id)]
    for key_id in unknown:
        print(f"{key_id}: there is no such key; patchclamp keys list tells all.", file=sys.stderr)
    return 1 if unknown else 0


def _prepared(settings: Settings) -> "Engine":
    from service import database

    engine = database.connect(settings.database_url)
    database.prepare(settings.database_url, engine)
    return engine


def _openapi(settings: Settings, _options: argparse.Namespace) -> int:
    import orjson

    from service.app import create_app

    document = orjson.dumps(create_app(settings).openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    print(document.decode())
    return 0


def _backup(settings: Settings, options: argparse.Namespace) -> int:
    from service import backup

    try:
        if options.command == "backup":
            backup.back_up(settings.database_url, options.file)
            print(f"The database is copied into {options.file}.")
        else:
            backup.restore(options.file, settings.database_url)
            print(f"{options.file} is the database now; start the service.")
    except backup.Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from service import doctor

    try:
        findings = doctor.examine(_settings("serve"))
    except InvalidSettings as error:
        findings = iter([doctor.refused(error)])
    return doctor.report(findings, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
