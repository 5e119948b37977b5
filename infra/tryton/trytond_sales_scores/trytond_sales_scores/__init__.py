"""Tryton module sales_scores: what a sales pipeline knows about a party, on the party's form."""
