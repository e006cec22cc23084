"""Multipart bodies, whatever the method; Django reads those of POST alone (CONTRACT §7)."""

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError

from acton_hub import incoming
from api.authorization import ApiRequest
from api.endpoint import ApiError, json_body
from elements.acton.uploads import Upload

MOST_BYTES = 100 * 1024 * 1024
MULTIPART = "multipart/form-data"


def parts_of(request: ApiRequest, field: str) -> "tuple[dict[str, Any], UploadedFile[Any] | None]":
    """The JSON object in the part `field`, or the whole body where it is JSON; and the file, where one came.

    Raises ApiError that names the part at fault, RequestDataTooBig for a body of more than 100 MiB.
    """
    if (request.content_type or "") != MULTIPART:
        values = json_body(request)
        if values is not None and not isinstance(values, dict):
            raise ApiError(400, "The body must be a JSON object.")
        return values or {}, None
    if int(request.headers.get("Content-Length") or 0) > MOST_BYTES:
        raise RequestDataTooBig(MOST_BYTES)
    try:
        fields: QueryDict = request.POST
        files = request.FILES
        if request.method != "POST":
            fields, files = MultiPartParser(request.META, request, request.upload_handlers).parse()
    except MultiPartParserError as error:
        raise ApiError(400, f"The body is not a usable form: {error}") from None
    uploaded = files.get("file")
    text = fields.get(field)
    if text is None:
        return {name: fields[name] for name in fields}, uploaded
    try:
        values = incoming.loads(str(text))
    except ValueError as error:
        raise ApiError(400, f"{field}: is not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise ApiError(400, f"{field}: must be a JSON object.")
    return values, uploaded


def form_of(values: dict[str, Any], uploaded: "UploadedFile[Any] | None") -> Upload:
    """The same as a form for Act-On: texts as they are, everything else as JSON."""
    fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return Upload(fields, uploaded)
