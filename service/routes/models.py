"""Models: listed, shared, chosen as defaults, downloaded, deleted."""

from typing import Annotated, Any

from fastapi import Request, Response

from service.answers import json_response, tagged_response
from service.bodies import json_body
from service.catalogue import Catalogue, Family, Model
from service.openapi import accepts
from service.routes.access import Identity, LabOfProcess, guarded_router, problems
from service.schemas.models import DefaultChoice, ModelDocument, ModelList

router = guarded_router("models", "/models")

_LINKS = {
    name: {"operationId": f"models_{operation}", "parameters": {"model_id": "$response.body#/models/0/id"}}
    for name, operation in (("self", "get_model"), ("weights", "get_weights"), ("delete", "delete_model"))
}


@router.get("", response_model=ModelList, responses={200: {"links": _LINKS}, **problems(422)})
def list_models(lab: LabOfProcess, family: Family | None = None) -> Response:
    """List all models that you may use, with their cards: shipped, shared and your own, or those of your course."""
    catalogue = lab.catalogue
    return json_response({"models": [_document(catalogue, model) for model in catalogue.all(family)]})


@router.get("/{model_id}", response_model=ModelDocument, responses=problems(404, 422))
def get_model(model_id: Identity, lab: LabOfProcess) -> Response:
    """Show a model's card."""
    return json_response(_document(lab.catalogue, lab.catalogue.get(model_id)))


@router.get(
    "/{model_id}/weights",
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "safetensors"},
        304: {"description": "The weights have not changed."},
        **problems(404, 422),
    },
    response_class=Response,
)
def get_weights(model_id: Identity, request: Request, lab: LabOfProcess) -> Response:
    """Download a model's weights as safetensors."""
    weights = lab.catalogue.weights(lab.catalogue.get(model_id))
    response = tagged_response(weights, "application/octet-stream", request.headers.get("if-none-match", ""))
    response.headers["Content-Disposition"] = f'attachment; filename="{model_id}.safetensors"'
    return response


@router.put(
    "/{family}/default",
    response_model=ModelDocument,
    responses=problems(400, 403, 404, 413, 415, 422),
    openapi_extra=accepts(DefaultChoice, {"model": "digit-net-best"}),
)
def set_default(
    family: Family, lab: LabOfProcess, choice: Annotated[DefaultChoice, json_body(DefaultChoice)]
) -> Response:
    """Choose the model that answers when a request names none, and share it; for lecturers."""
    return json_response(_document(lab.catalogue, lab.catalogue.set_default(family, choice.model)))


@router.put("/{model_id}/shared", response_model=ModelDocument, responses=problems(403, 404, 422))
def share_model(model_id: Identity, lab: LabOfProcess) -> Response:
    """Let everybody see and use a model; for lecturers."""
    return json_response(_document(lab.catalogue, lab.catalogue.share(model_id)))


@router.delete("/{model_id}/shared", status_code=204, responses=problems(403, 404, 409, 422))
def withdraw_model(model_id: Identity, lab: LabOfProcess) -> Response:
    """Leave a shared model to its owner and their lecturer again; for lecturers."""
    lab.catalogue.withdraw(model_id)
    return Response(status_code=204)


@router.delete("/{model_id}", status_code=204, responses=problems(404, 409, 422))
def delete_model(model_id: Identity, lab: LabOfProcess) -> Response:
    """Delete a trained model."""
    lab.catalogue.delete(model_id)
    return Response(status_code=204)


def _document(catalogue: Catalogue, model: Model) -> dict[str, Any]:
    is_default = catalogue.default(model.family).id == model.id
    told = {"origin": model.origin, "is_default": is_default, "is_shared": model.is_shared, "owner": model.owner}
    return {**model.reference, **told, "card": model.card}
