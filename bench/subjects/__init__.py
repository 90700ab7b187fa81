"""The queues that are measured."""
