from tests.tryton_server import crm, tryton_server  # noqa: F401
