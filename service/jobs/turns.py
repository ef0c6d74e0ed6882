"""Whose turn it is: principals take turns, one job each, however many jobs one of them has asked for.

Start-time fair queueing (Goyal, Vin and Cheng 1996) in which every job costs one turn. A job gets its turn when it is
submitted: the one that is being served, or the one after its principal's last, whichever is later. Within a turn jobs
go in the order in which they came. Turn and place make up the priority by which DBOS hands jobs out. No two unfinished
jobs have the same one, so the order is known to the last job, on SQLite and on PostgreSQL.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from service import database

QUEUE = "jobs"
ASIDE = "aside"
"""No worker takes from it: jobs of students who have as many in the other one as may run (`service/jobs/limits.py`)."""
PLACES = 1000  # of one turn; where more principals share a turn, DBOS's own time of submission tells the rest apart
LAST_PRIORITY = 2**31 - 1  # that DBOS takes: two million turns between two moments at which nothing is left to do

_turns = database.turns


def lock(connection: sa.Connection) -> None:
    """Lets nobody else submit a job until this transaction has ended; its first statement."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtext('patchclamp jobs'))"))
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def is_unfinished(workflow: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a job is queued or running; written out, as SQLite looks for constants to choose DBOS's index by."""
    statuses = [sa.literal_column(f"'{status}'") for status in ("ENQUEUED", "PENDING")]
    return sa.and_(workflow.c.queue_name.in_((QUEUE, ASIDE)), workflow.c.status.in_(statuses))


def order(workflow: sa.FromClause) -> sa.Tuple:
    """What the queue is ordered by, the next job first: one set aside lets all others go before."""
    return sa.tuple_(sa.case((workflow.c.queue_name == ASIDE, 1), else_=0), workflow.c.priority)


def next_priority(connection: sa.Connection, principal: str) -> int:
    """The priority of the job that this principal submits next; smaller ones go first. Needs `lock`."""
    workflow = database.workflow_status(connection.engine)
    priority, status = workflow.c.priority, workflow.c.status
    unfinished = sa.select(
        sa.func.count().label("jobs"),
        sa.func.max(sa.case((workflow.c.authenticated_user == principal, priority))).label("own"),
        sa.func.max(sa.case((status == "PENDING", priority))).label("running"),
    ).where(is_unfinished(workflow))
    now = connection.execute(unfinished).one()
    if not now.jobs:  # nobody is left who could be overtaken, so all begin afresh
        connection.execute(sa.delete(_turns))
    own_turn = sa.case((_turns.c.principal == principal, _turns.c.turn))
    served, own_served = connection.execute(sa.select(sa.func.max(_turns.c.turn), sa.func.max(own_turn))).one()
    current = max(_turn(now.running), served or 0)
    turn = max(current, 1 + max(_turn(now.own), own_served or 0))
    return min(turn * PLACES + _free_place(connection, workflow, turn), LAST_PRIORITY)


def note_served(connection: sa.Connection, job_id: str) -> None:
    """Notes that the principal of this job has had the job's turn; to do so again changes nothing."""
    workflow = database.workflow_status(connection.engine)
    turn = sa.cast(workflow.c.priority, sa.Integer).op("/")(PLACES)
    had = sa.select(workflow.c.authenticated_user, turn).where(
        workflow.c.workflow_uuid == job_id, workflow.c.authenticated_user.is_not(None)
    )
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(_turns)
    rows = insert.from_select(["principal", "turn"], had)
    later = sa.case((rows.excluded.turn > _turns.c.turn, rows.excluded.turn), else_=_turns.c.turn)
    connection.execute(rows.on_conflict_do_update(index_elements=["principal"], set_={"turn": later}))


def _free_place(connection: sa.Connection, workflow: sa.TableClause, turn: int) -> int:
    """The place behind all unfinished jobs of this turn."""
    in_turn = workflow.c.priority.between(turn * PLACES, turn * PLACES + PLACES - 1)
    last = connection.scalar(sa.select(sa.func.max(workflow.c.priority)).where(is_unfinished(workflow), in_turn))
    return 0 if last is None else min(last % PLACES + 1, PLACES - 1)


def _turn(priority: int | None) -> int:
    return (priority or 0) // PLACES
