"""Which CRM this is: a copy that was set up anew has another token, and other deliveries."""

from trytond.model import ModelSQL, ModelView, fields


class Instance(ModelSQL, ModelView):
    "CRM Instance"

    __name__ = "sales_scores.instance"

    token = fields.Char("Token", required=True, readonly=True)
