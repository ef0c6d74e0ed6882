"""FastAPI with torch in the route, as its documentation would have it."""

from fastapi import FastAPI, Request

from benchmarks.http.peers.network import Reader

app = FastAPI()
_reader = Reader()


@app.post("/predict")
async def predict(request: Request) -> dict[str, object]:
    """Tells the digit of the PNG in the body."""
    return _reader.predict(_reader.read(await request.body()))


@app.get("/")
async def ready() -> dict[str, object]:
    """Says that the process is up."""
    return {}
