"""The steps of the exchange, each reading the store before it and writing the one after it."""

import logging

# of a reply whose headers are none it warns with their text and the URL: they may hold a person's data, or the key of a
# group robot
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
