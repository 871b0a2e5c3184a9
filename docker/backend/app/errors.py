"""Every failure as JSON of one shape: {"error": {"code", "message", "fields"}}.

Nothing of what the caller sent is repeated in an answer: a request may hold what should not be in a log.
"""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .tasks import DatabaseUnavailable, TaskNotFound

log = logging.getLogger(__name__)

CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "not_json"}


def error_body(code: str, message: str, fields: list[dict[str, str]] | None = None) -> dict:
    return {"error": {"code": code, "message": message, "fields": fields or []}}


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(TaskNotFound, _task_not_found)
    app.add_exception_handler(DatabaseUnavailable, _database_unavailable)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def _task_not_found(_: Request, error: TaskNotFound) -> JSONResponse:
    return JSONResponse(error_body("not_found", str(error)), 404)


def _database_unavailable(_: Request, error: DatabaseUnavailable) -> JSONResponse:
    log.error("database: %s", error)
    return JSONResponse(error_body("database_unavailable", "The tasks cannot be reached just now."), 503)


def _invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
    fields = [
        {
            "field": ".".join(str(part) for part in problem["loc"][1:]) or str(problem["loc"][0]),
            "message": problem["msg"].removeprefix("Value error, "),
        }
        for problem in error.errors()
    ]
    message = "; ".join(dict.fromkeys(f["message"] for f in fields)) or "The request is not valid."
    return JSONResponse(error_body("invalid_request", message, fields), 422)


def _http_error(_: Request, error: HTTPException) -> JSONResponse:
    code = CODES.get(error.status_code, f"http_{error.status_code}")
    return JSONResponse(error_body(code, str(error.detail)), error.status_code, headers=error.headers)


def _unexpected(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse(error_body("internal", "Something went wrong on the server."), 500)
