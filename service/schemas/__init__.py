"""Requests and answers as the HTTP contract has them."""
