"""The catalogue: shipped models, trained ones, defaults."""

import json
import shutil
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
import torch

from models.checkpoints import weights_bytes, weights_sha256
from models.errors import CorruptCheckpoint
from models.memory_lstm import MemoryLSTM
from service import database
from service.catalogue import FRESH_SECONDS, Catalogue
from service.errors import DefaultModel, NotAllowed, SharedModel, ShippedModel, UnknownModel, WrongFamily
from service.principals import Principal
from tests.service_process import ROOT

MEMORY = "memory-lstm"
SHIPPED = ["digit-net", MEMORY]


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """The defaults of both families, to be spoilt at will."""
    for model in SHIPPED:
        shutil.copytree(ROOT / "artifacts" / model, tmp_path / "artifacts" / model)
    return tmp_path / "artifacts"


@pytest.fixture
def catalogue(engine: sa.Engine, artifacts: Path) -> Catalogue:
    return Catalogue(engine, artifacts)


def train(engine: sa.Engine, model_id: str, made_at: int = 1) -> str:
    """Puts a model of one unit into the database, as a job does; its sha256."""
    weights = weights_bytes(MemoryLSTM(1))
    row = {
        "id": model_id,
        "family": MEMORY,
        "job_id": f"job-of-{model_id}",
        "made_at": made_at,
        "sha256": weights_sha256(weights),
        "card": {"architecture": {"hidden_size": 1}},
        "weights": weights,
    }
    with engine.begin() as connection:
        connection.execute(sa.insert(database.models), [row])
    return row["sha256"]


def end_job(engine: sa.Engine, model_id: str, status: str) -> None:
    """Gives the model's job this status in DBOS's own table."""
    insert = sa.text(
        "insert into workflow_status (workflow_uuid, status, created_at, updated_at, priority) "
        "values (:job, :status, 0, 0, 0)"
    )
    with engine.begin() as connection:
        connection.execute(insert, {"job": f"job-of-{model_id}", "status": status})


def test_shipped_models_come_first_then_trained_ones_from_the_newest(catalogue: Catalogue, engine: sa.Engine) -> None:
    train(engine, "older", 1)
    train(engine, "newer", 2)
    assert [model.id for model in catalogue.all()] == [*SHIPPED, "newer", "older"]
    assert [model.id for model in catalogue.all(MEMORY)] == [MEMORY, "newer", "older"]


@pytest.mark.parametrize("status", ["PENDING", "ENQUEUED", "ERROR", "CANCELLED"])
def test_a_model_whose_job_has_not_succeeded_is_not_there(catalogue: Catalogue, engine: sa.Engine, status: str) -> None:
    train(engine, "unborn")
    end_job(engine, "unborn", status)
    assert [model.id for model in catalogue.all()] == SHIPPED
    with pytest.raises(UnknownModel):
        catalogue.get("unborn")


def test_a_model_is_there_once_its_job_has_succeeded_and_when_the_job_is_forgotten(
    catalogue: Catalogue, engine: sa.Engine
) -> None:
    for model in ("finished", "forgotten"):
        train(engine, model)
    end_job(engine, "finished", "SUCCESS")
    assert {model.id for model in catalogue.all()} == {*SHIPPED, "finished", "forgotten"}


def test_a_network_has_the_weights_of_its_card_and_keeps_no_gradients(catalogue: Catalogue, engine: sa.Engine) -> None:
    sha256 = train(engine, "mine")
    network = catalogue.network(catalogue.get("mine"))
    assert weights_sha256(weights_bytes(network)) == sha256
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_network_of_a_model_is_read_once(catalogue: Catalogue) -> None:
    model = catalogue.get(MEMORY)
    assert catalogue.network(model) is catalogue.network(catalogue.get(MEMORY))


def test_a_family_s_default_is_its_shipped_model_until_another_is_chosen(
    catalogue: Catalogue, engine: sa.Engine
) -> None:
    assert catalogue.resolve(MEMORY, None).id == MEMORY
    train(engine, "mine")
    catalogue.set_default(MEMORY, "mine")
    assert catalogue.resolve(MEMORY, None).id == "mine"
    assert catalogue.resolve("digit-net", None).id == "digit-net"


def test_another_process_s_choice_of_a_default_is_known_after_a_second(engine, artifacts, catalogue, monkeypatch):
    other = Catalogue(engine, artifacts)
    assert other.default(MEMORY).id == MEMORY
    train(engine, "mine")
    catalogue.set_default(MEMORY, "mine")
    assert catalogue.default(MEMORY).id == "mine"
    now = time.monotonic() + FRESH_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert other.default(MEMORY).id == "mine"


def test_what_needs_no_database_is_at_hand(engine, artifacts):
    catalogue = Catalogue(engine, artifacts)
    assert not catalogue.has_at_hand(MEMORY, None)
    assert catalogue.default(MEMORY).id == MEMORY
    assert catalogue.has_at_hand(MEMORY, None)
    train(engine, "mine")
    assert not catalogue.has_at_hand(MEMORY, "mine")
    catalogue.set_default(MEMORY, "mine")
    assert not catalogue.has_at_hand(MEMORY, None)
    assert catalogue.default(MEMORY).id == "mine"
    assert not catalogue.has_at_hand(MEMORY, None)
    assert catalogue.has_at_hand(MEMORY, MEMORY)


def test_a_default_whose_model_is_gone_falls_back_to_the_shipped_one(catalogue: Catalogue, engine: sa.Engine) -> None:
    train(engine, "mine")
    catalogue.set_default(MEMORY, "mine")
    with engine.begin() as connection:
        connection.execute(sa.delete(database.models))
    assert catalogue.default(MEMORY).id == MEMORY


def test_a_model_of_another_family_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(WrongFamily):
        catalogue.resolve(MEMORY, "digit-net")
    with pytest.raises(WrongFamily):
        catalogue.set_default(MEMORY, "digit-net")


@pytest.mark.parametrize("model_id", ["nobody-s", "../artifacts/digit-net", ".", "", "digit-net/"])
def test_a_name_never_becomes_a_path(catalogue: Catalogue, model_id: str) -> None:
    with pytest.raises(UnknownModel):
        catalogue.get(model_id)


def test_only_a_trained_model_that_is_no_default_can_be_deleted(catalogue: Catalogue, engine: sa.Engine) -> None:
    train(engine, "mine")
    with pytest.raises(ShippedModel):
        catalogue.delete("digit-net")
    catalogue.set_default(MEMORY, "mine")
    with pytest.raises(DefaultModel):
        catalogue.delete("mine")
    catalogue.set_default(MEMORY, MEMORY)
    catalogue.delete("mine")
    with pytest.raises(UnknownModel):
        catalogue.get("mine")


def test_a_model_that_was_deleted_meanwhile_is_unknown(catalogue: Catalogue, engine: sa.Engine) -> None:
    train(engine, "mine")
    model = catalogue.get("mine")
    catalogue.delete("mine")
    with pytest.raises(UnknownModel):
        catalogue.network(model)


def test_shipped_weights_that_are_not_those_of_the_card_are_refused(catalogue: Catalogue, artifacts: Path) -> None:
    path = artifacts / MEMORY / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with pytest.raises(CorruptCheckpoint):
        catalogue.network(catalogue.get(MEMORY))


def test_stored_weights_that_are_damaged_are_refused(catalogue: Catalogue, engine: sa.Engine) -> None:
    train(engine, "mine")
    with engine.begin() as connection:
        connection.execute(sa.update(database.models).values(weights=b"no weights"))
    with pytest.raises(CorruptCheckpoint):
        catalogue.network(catalogue.get("mine"))


def test_every_shipped_model_of_this_repository_loads_and_bears_the_fingerprint_of_its_card(engine: sa.Engine) -> None:
    everything = Catalogue(engine, ROOT / "artifacts")
    for model in everything.all():
        card = json.loads((ROOT / "artifacts" / model.id / "card.json").read_text("utf-8"))
        assert model.sha256 == card["sha256"]
        assert all(torch.isfinite(each).all() for each in everything.network(model).state_dict().values())


def test_models_are_counted_by_family_and_origin_when_their_jobs_have_succeeded(
    engine: sa.Engine, catalogue: Catalogue
) -> None:
    shipped = {("digit-net", "shipped"): 1, (MEMORY, "shipped"): 1}
    assert catalogue.count() == shipped
    for model_id, status in (("a", "SUCCESS"), ("b", "SUCCESS"), ("c", "PENDING"), ("d", "CANCELLED")):
        train(engine, model_id)
        end_job(engine, model_id, status)
    assert catalogue.count() == {**shipped, (MEMORY, "trained"): 2}
    assert sum(catalogue.count().values()) == len(catalogue.all())


def test_a_student_s_models_are_there_for_them_and_their_lecturer_alone_until_they_are_shared(
    catalogue: Catalogue, engine: sa.Engine
) -> None:
    train(engine, "anna-s")
    with engine.begin() as connection:
        connection.execute(sa.update(database.models).values(owner="neuro/anna", course="neuro"))
    anna, ben, smith, jones = (
        catalogue.seen_by(principal)
        for principal in (
            Principal("neuro/anna", "student", "neuro"),
            Principal("neuro/ben", "student", "neuro"),
            Principal("neuro/smith", "lecturer", "neuro"),
            Principal("logic/jones", "lecturer", "logic"),
        )
    )
    assert [model.id for model in ben.all()] == SHIPPED
    assert [each.get("anna-s").owner for each in (anna, smith)] == ["neuro/anna"] * 2
    for stranger in (ben, jones):
        with pytest.raises(UnknownModel):
            stranger.resolve(MEMORY, "anna-s")
    with pytest.raises(NotAllowed):
        anna.share("anna-s")
    with pytest.raises(NotAllowed):
        anna.set_default(MEMORY, "anna-s")
    smith.share("anna-s")
    assert ben.get("anna-s").owner is None
    for student in (anna, ben):
        with pytest.raises(SharedModel):
            student.delete("anna-s")
    with pytest.raises(NotAllowed):
        jones.withdraw("anna-s")
    smith.withdraw("anna-s")
    with pytest.raises(UnknownModel):
        ben.get("anna-s")
    anna.delete("anna-s")


def test_a_default_answers_everybody_whoever_trained_it(catalogue: Catalogue, engine: sa.Engine) -> None:
    train(engine, "anna-s")
    catalogue.set_default(MEMORY, "anna-s")
    assert catalogue.seen_by(Principal("ben", "student")).resolve(MEMORY, None).id == "anna-s"
    with pytest.raises(DefaultModel):
        catalogue.withdraw("anna-s")
