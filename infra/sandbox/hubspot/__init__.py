"""A double of HubSpot: contacts in memory, asked and answering as HubSpot's own client expects.

`contract` is what the vendor's client says of each call, `properties` what a value may be,
`account` the records, `index` what a search sees of them, `limits` how many requests are taken,
`api` HubSpot's calls, `schemas` those about properties, `answers` their forms, `person` what
somebody at the CRM does. docs/hubspot.md lists every rule with its source.
"""
