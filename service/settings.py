"""All that an operator may set, read once from the environment (prefix ``PATCHCLAMP_``)."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.logs import LogFormat

PREFIX = "PATCHCLAMP_"
# Set for the test run, not for the service: no setting, and no mistake either.
_TEST_VARIABLES = {f"{PREFIX}INSIST"}


class CannotStart(Exception):
    """Why no process of the service can start here, however often it is tried; the message says how to mend it."""


class InvalidSettings(CannotStart):
    """Settings that cannot be; the message names each one and what is allowed."""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+)(:[1-9][0-9]{0,4})?")


def _origin(value: str) -> str:
    found = _ORIGIN.fullmatch(value)
    if not found or not (found[1] == "https" or _is_loopback(found[2])):
        raise ValueError(
            "an origin is https://HOST or https://HOST:PORT in small letters, without a path or a slash at its end; "
            "http:// only for this machine, as in http://localhost:3000"
        )
    return value


def _origin_or_all(value: str) -> str:
    return value if value == "*" else _origin(value)


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _role_names(value: object) -> object:
    return dict(part.rpartition("=")[::2] for part in _listed(value)) if isinstance(value, str) else value  # type: ignore[union-attr]


def _key_source(value: str) -> str:
    url = re.match(r"(https?)://(\[[^]]+\]|[^/:]+)", value)
    if "://" in value and not (url and (url[1] == "https" or _is_loopback(url[2].strip("[]")))):
        raise ValueError("the portal's keys come from https://..., from http:// on this machine alone, or from a file")
    return value


Origin = Annotated[str, AfterValidator(_origin)]
OriginOrAll = Annotated[str, AfterValidator(_origin_or_all)]


class Settings(BaseSettings):
    """One frozen set of settings; science parameters live in requests and model cards instead."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data: Path = Field(Path("var"), description="Folder for the SQLite database and a downloaded MNIST.")
    datasets: Path | None = Field(None, description="A torchvision root that already holds MNIST.")
    artifacts: Path = Field(
        Path(__file__).resolve().parent.parent / "artifacts", description="Folder of the shipped models; only read."
    )
    database_url: str = Field(
        "", description="sqlite:///FILE or postgresql://...: all that must last. Default: patchclamp.db in `data`."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    open_access: bool = Field(
        False, description="Listen beyond this machine although nobody needs a key; anyone who reaches it may use it."
    )
    cors_origins: Annotated[tuple[OriginOrAll, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (), description="Whose scripts may read our answers: origins with commas between them, or `*` for all."
    )
    cors_credentials: bool = Field(
        False, description="Browsers send cookies along, for a sign-in in front of the service; we need none ourselves."
    )
    frame_ancestors: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (), description="Whose pages may show ours in a frame, besides our own: origins with commas between them."
    )
    portal_jwks: Annotated[str, AfterValidator(_key_source)] = Field(
        "", description="Where the public keys of the portal's tokens are (JWKS): https://... or a file."
    )
    portal_issuer: str = Field("", description="`iss` of the portal's tokens.")
    portal_audience: str = Field("", description="`aud` of tokens that are meant for this service.")
    portal_subject_claim: str = Field("sub", min_length=1, description="Claim that says who they are, for good.")
    portal_course_claim: str = Field("course", min_length=1, description="Claim that says which course they come from.")
    portal_role_claim: str = Field("role", min_length=1, description="Claim with their role, or a list of roles.")
    portal_roles: Annotated[
        dict[str, Literal["student", "lecturer", "admin"]], NoDecode, BeforeValidator(_role_names)
    ] = Field(
        {"lecturer": "lecturer", "admin": "admin"},
        description="What the portal's words for roles mean, as in `Instructor=lecturer`, with commas between them; "
        "whoever has none of them is a student.",
    )
    device: Literal["cpu", "cuda", "auto"] = Field("cpu", description="Where jobs compute.")
    apis: int = Field(
        1, ge=1, le=64, description="API processes that `serve` runs on the one port; each takes some 400 MB."
    )
    workers: int = Field(1, ge=1, le=64, description="Worker processes that `serve` runs.")
    threads: int = Field(1, ge=1, le=256, description="torch threads of each process.")
    lease_seconds: float = Field(
        15, ge=1, le=600, description="A worker silent for so long has lost its jobs to the others."
    )
    stuck_seconds: float = Field(
        30, ge=1, le=3600, description="A worker that goes on with a cancelled job for so long is restarted."
    )
    queued_jobs: int = Field(1000, ge=0, description="So many jobs may wait; 0: any number.")
    jobs_per_student: int = Field(
        50, ge=0, description="So many jobs of one student may be queued or running; 0: any number."
    )
    running_jobs_per_student: int = Field(
        0,
        ge=0,
        description="So many jobs of one student may run at once, the others wait although a worker is free; 0: any "
        "number.",
    )
    models_per_student: int = Field(50, ge=0, description="So many models may one student keep; 0: any number.")
    requests_per_minute: int = Field(
        6000,
        ge=0,
        description="So many requests of one student are let in by each API process, a sixth of them at once; whoever "
        "draws sends 60 a second. 0: any number.",
    )
    keep_days: int = Field(
        180, ge=0, description="Finished jobs are forgotten after so many days, their models stay; 0: never."
    )
    keep_per_student: int = Field(
        500, ge=0, description="So many finished jobs are kept of one student, the latest; 0: any number."
    )
    worker_memory_mb: int = Field(
        4096, ge=0, description="A job that wants more memory than this leaves its worker fails; 0 sets no limit."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level logged.")
    log_format: LogFormat = Field("text", description="Log lines to be read by people, or `json`, one object a line.")

    @model_validator(mode="after")
    def _default_database(self) -> Self:
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.data.resolve() / 'patchclamp.db'}")
        return self

    @model_validator(mode="after")
    def _complete_portal(self) -> Self:
        if bool(self.portal_jwks) is not (bool(self.portal_issuer) and bool(self.portal_audience)):
            raise ValueError(
                "PATCHCLAMP_PORTAL_JWKS, PATCHCLAMP_PORTAL_ISSUER and PATCHCLAMP_PORTAL_AUDIENCE belong together; "
                "set all three or none"
            )
        return self

    @field_validator("cors_credentials")
    @classmethod
    def _not_to_everybody(cls, value: bool, info: ValidationInfo) -> bool:
        if value and "*" in info.data.get("cors_origins", ()):
            raise ValueError(
                "with `*` in PATCHCLAMP_CORS_ORIGINS any site could act with a visitor's cookies; name the origins, or "
                "leave this out"
            )
        return value

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        return _is_loopback(self.host)


def read_settings(environment: dict[str, str]) -> Settings:
    """The settings of this environment.

    Raises:
        InvalidSettings: A value is refused, or a variable with our prefix is no setting (most likely misspelt).
    """
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields} | _TEST_VARIABLES
    if unknown := sorted(name for name in environment if name.startswith(PREFIX) and name not in known):
        raise InvalidSettings(f"{', '.join(unknown)}: no such setting. There are {', '.join(sorted(known))}.")
    try:
        return Settings()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        lines = [
            f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}." if e["loc"] else f"{e['msg']}." for e in error.errors()
        ]
        raise InvalidSettings("\n".join(lines)) from error
