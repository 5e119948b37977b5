"""What the double says no with: to a request (rest:errorcodes.html), or to one record of it."""

from typing import Any

from starlette.responses import JSONResponse, Response


class ApiError(Exception):
    """The request is refused as a whole."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def answer(self) -> Response:
        return JSONResponse([{"errorCode": self.code, "message": self.message}], self.status)


class RowError(Exception):
    """One record is refused. The message quotes values, as Salesforce's does."""

    def __init__(self, code: str, message: str, *fields: str) -> None:
        super().__init__(message)
        self.code, self.message, self.fields = code, message, fields

    def as_json(self) -> dict[str, Any]:
        """rest:resources-composite-sobjects-collections-update.html"""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}

    def as_cell(self) -> str:
        """`sf__Error` of a bulk job (bulk:get-job-failed-results.html); its form is *assumed*."""
        return f"{self.code}:{self.message}:{','.join(self.fields)} --"


def no_such_field(name: str, sobject: str) -> ApiError:
    """One that may not be seen is told of as if it were not there (*assumed*)."""
    told = f"No such column '{name}' on sobject of type {sobject}"
    return ApiError(400, "INVALID_FIELD", told)
