"""`gunicorn wsgi:app` in a checkout; an installed wheel has the same as `rhesis_app.app:create_app()`."""

from rhesis_app.app import create_app

app = create_app()
