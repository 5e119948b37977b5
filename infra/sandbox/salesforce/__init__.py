"""A double of Salesforce: a server with a memory that answers as its documentation says it would.

No part of it comes from Salesforce. Each rule names its page, `rest:` and `bulk:` standing for
https://developer.salesforce.com/docs/platform/api-rest/guide/ and .../api-asynch/guide/, or is
marked *assumed*; docs/salesforce.md lists them.
"""
