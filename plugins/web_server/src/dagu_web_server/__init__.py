"""The web page, REST API and metrics of dagu. The entry point is :mod:`dagu_web_server.plugin`."""
