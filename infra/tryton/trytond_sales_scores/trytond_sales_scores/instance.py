"""Which CRM this is: a copy that was set up anew has another token, and other deliveries."""

from trytond.model import ModelSQL, ModelView, fields
from trytond.pool import Pool


def may_create():
    """Whether the user was let create customers, besides writing their scores."""
    data, groups = Pool().get("ir.model.data"), Pool().get("res.user").get_groups()
    return data.get_id("sales_scores", "group_creators") in groups


class Instance(ModelSQL, ModelView):
    "CRM Instance"

    __name__ = "sales_scores.instance"

    token = fields.Char("Token", required=True, readonly=True)
    may_create = fields.Function(fields.Boolean("May Create"), "get_may_create")

    @classmethod
    def get_may_create(cls, instances, name):
        return {instance.id: may_create() for instance in instances}
