"""Services for all contract tests of a session: API and worker on SQLite, as `make serve` runs them."""

from collections.abc import Iterator

import httpx
import pytest

from tests.service_process import Service, serving

PORTAL = "https://portal.example"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="session")
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


@pytest.fixture(scope="session")
def portal_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that knows one portal."""
    environment = {"PATCHCLAMP_CORS_ORIGINS": PORTAL, "PATCHCLAMP_FRAME_ANCESTORS": PORTAL}
    with serving(tmp_path_factory.mktemp("portal"), environment=environment) as running:
        yield running


@pytest.fixture(scope="session")
def portal_api(portal_service: Service) -> Iterator[httpx.Client]:
    with portal_service.client() as client:
        yield client
