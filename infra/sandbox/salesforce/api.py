"""The double's addresses: https://developer.salesforce.com/docs/platform/api-rest/guide/resources-list.html"""

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.sandbox.salesforce import composite, person
from infra.sandbox.salesforce.errors import ApiError
from infra.sandbox.salesforce.extract import QueryJobs
from infra.sandbox.salesforce.ingest import IngestJobs, results
from infra.sandbox.salesforce.org import Org
from infra.sandbox.salesforce.querying import Cursors
from infra.sandbox.salesforce.schema import OBJECTS

DATA = "/services/data/v{version}"
# https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm
TOKEN = "/services/oauth2/token"  # noqa: S105 an address

Handler = Callable[[Request, bytes], Response]


class Api:
    """What is answered under `DATA`, in the thread of the server: one request at a time."""

    def __init__(self, org: Org) -> None:
        self.org, self.cursors = org, Cursors(org)
        self.ingest, self.query_jobs = IngestJobs(org), QueryJobs(org)

    def limits(self, request: Request, body: bytes) -> Response:
        return JSONResponse(self.org.usage.as_json())

    def describe(self, request: Request, body: bytes) -> Response:
        """A field that may not be seen is not told of (rest:resources-sobject-describe.html)."""
        name = request.path_params["object"]
        if name not in OBJECTS:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        of, rights = OBJECTS[name], self.org.rights
        fields = [column.described(rights[column.name]) for column in rights.seen(of)]
        may = {"createable": True, "updateable": True, "queryable": True}
        return JSONResponse({"name": name, "keyPrefix": of.prefix, **may, "fields": fields})

    def query(self, request: Request, body: bytes) -> Response:
        return self._query(request, with_deleted=False)

    def query_all(self, request: Request, body: bytes) -> Response:
        return self._query(request, with_deleted=True)

    def _query(self, request: Request, with_deleted: bool) -> Response:
        option = request.headers.get("Sforce-Query-Options", "")
        version, text = request.path_params["version"], request.query_params.get("q", "")
        return JSONResponse(self.cursors.first(text, with_deleted, option, version))

    def query_more(self, request: Request, body: bytes) -> Response:
        told = request.path_params
        return JSONResponse(self.cursors.more(told["locator"], told["version"]))

    def update(self, request: Request, body: bytes) -> Response:
        return JSONResponse(composite.update(self.org, _json(body)))

    def upsert(self, request: Request, body: bytes) -> Response:
        name, key = request.path_params["object"], request.path_params["key"]
        return JSONResponse(composite.upsert(self.org, _json(body), name, key))

    def create_ingest(self, request: Request, body: bytes) -> Response:
        job = self.ingest.create(_json(body), request.path_params["version"])
        return JSONResponse(job.as_json())

    def list_ingest(self, request: Request, body: bytes) -> Response:
        first = int(request.query_params.get("queryLocator", "0"))
        jobs, is_more = self.ingest.listed(first)
        told: dict[str, Any] = {"done": not is_more, "records": [job.as_json() for job in jobs]}
        if is_more:
            here = request.url.path
            told["nextRecordsUrl"] = f"{here}?queryLocator={first + len(jobs)}"
        return JSONResponse(told)

    def ingest_info(self, request: Request, body: bytes) -> Response:
        return JSONResponse(self.ingest.find(request.path_params["job"]).as_json())

    def upload(self, request: Request, body: bytes) -> Response:
        content_type = request.headers.get("Content-Type", "")
        self.ingest.upload(request.path_params["job"], body, content_type)
        return Response(status_code=201)

    def change_ingest(self, request: Request, body: bytes) -> Response:
        state = str(_json(body).get("state", ""))
        return JSONResponse(self.ingest.change(request.path_params["job"], state).as_json())

    def ingest_results(self, request: Request, body: bytes) -> Response:
        job = self.ingest.find(request.path_params["job"])
        return Response("".join(results(job, request.path_params["kind"])), media_type="text/csv")

    def create_query(self, request: Request, body: bytes) -> Response:
        job = self.query_jobs.create(_json(body), request.path_params["version"])
        return JSONResponse(job.as_json())

    def query_info(self, request: Request, body: bytes) -> Response:
        return JSONResponse(self.query_jobs.find(request.path_params["job"]).as_json())

    def abort_query(self, request: Request, body: bytes) -> Response:
        return JSONResponse(self.query_jobs.abort(request.path_params["job"]).as_json())

    def query_results(self, request: Request, body: bytes) -> Response:
        asked = request.query_params
        page, headers = self.query_jobs.results(
            request.path_params["job"], asked.get("locator", ""), asked.get("maxRecords", "")
        )
        return Response(page, media_type="text/csv", headers=headers)

    def log_in(self, request: Request, body: bytes) -> Response:
        """OAuth 2.0's client credentials flow."""
        told = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if told.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "grant type not supported")
        token = self.org.log_in(told.get("client_id", ""), told.get("client_secret", ""))
        if token is None:
            return _refused("invalid_client", "invalid client credentials")
        here = f"https://{request.url.netloc}"
        more = {"instance_url": here, "token_type": "Bearer", "scope": "api"}
        return JSONResponse({"access_token": token, **more})


def app(org: Org) -> Starlette:
    """The double's addresses over an organisation."""
    api = Api(org)

    def at(path: str, method: str, handler: Handler) -> Sequence[Route]:
        """With and without a slash at the end: both are known."""
        answers = _guarded(org, handler)
        return [Route(DATA + path + end, answers, methods=[method]) for end in ("", "/")]

    return Starlette(
        routes=[
            Route(TOKEN, _open(api.log_in), methods=["POST"]),
            *at("/limits", "GET", api.limits),
            *at("/sobjects/{object}/describe", "GET", api.describe),
            *at("/query", "GET", api.query),
            *at("/queryAll", "GET", api.query_all),
            *at("/query/{locator}", "GET", api.query_more),
            *at("/composite/sobjects", "PATCH", api.update),
            *at("/composite/sobjects/{object}/{key}", "PATCH", api.upsert),
            *at("/jobs/ingest", "POST", api.create_ingest),
            *at("/jobs/ingest", "GET", api.list_ingest),
            *at("/jobs/ingest/{job}", "GET", api.ingest_info),
            *at("/jobs/ingest/{job}", "PATCH", api.change_ingest),
            *at("/jobs/ingest/{job}/batches", "PUT", api.upload),
            *at("/jobs/ingest/{job}/{kind}", "GET", api.ingest_results),
            *at("/jobs/query", "POST", api.create_query),
            *at("/jobs/query/{job}", "GET", api.query_info),
            *at("/jobs/query/{job}", "PATCH", api.abort_query),
            *at("/jobs/query/{job}/results", "GET", api.query_results),
            Route("/sandbox/records/{object}", _open(partial(person.records, org))),
            Route("/sandbox/{what}", _open(partial(person.act, org)), methods=["POST"]),
        ]
    )


def _open(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Who asks here has no session, or needs none."""

    async def answered(request: Request) -> Response:
        return handler(request, await request.body())

    return answered


def _guarded(org: Org, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A session is needed, each request counts, and each answer says how many there were."""

    async def answered(request: Request) -> Response:
        body = await request.body()
        try:
            org.check(request.headers.get("Authorization", ""))
            org.usage.count()
            answer = handler(request, body)
        except ApiError as error:
            answer = error.answer()
        answer.headers.update(org.usage.header)
        return answer

    return answered


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise ApiError(400, "JSON_PARSER_ERROR", str(error)) from None


def _refused(error: str, description: str) -> Response:
    """https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flow_errors.htm"""
    return JSONResponse({"error": error, "error_description": description}, 400)
