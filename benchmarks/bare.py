"""The least that a Flask route costs: what requests per second are held against."""

from flask import Flask, Response, jsonify

app = Flask("bare")


@app.get("/")
def answer() -> Response:
    """A small JSON object."""
    return jsonify(status="fine", items=[1, 2, 3])
