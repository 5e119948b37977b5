"""What tasks need in Odoo is made with what scores need."""

from jobs.crm.odoo_install import install

__all__ = ["install"]
