"""Set the passwords of a database's users: {"admin": "...", "pipeline": "..."} on standard input.

python -m trytond_sales_scores.passwords DATABASE (inside Tryton's environment)
"""

import json
import sys

from trytond.pool import Pool
from trytond.transaction import Transaction


def main(database):
    passwords = json.load(sys.stdin)
    Pool.start()
    Pool(database).init()
    with Transaction().start(database, 0) as transaction:
        users = Pool().get("res.user")
        for user in users.search([("login", "in", list(passwords))]):
            users.write([user], {"password": passwords[user.login]})
        transaction.commit()


if __name__ == "__main__":
    main(sys.argv[1])
