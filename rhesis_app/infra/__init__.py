"""Adapters: the only place that touches the outside (environment, database, queue, network, disk)."""
