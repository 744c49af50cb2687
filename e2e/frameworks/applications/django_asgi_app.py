"""Django's ASGI application."""

import django_project  # configures Django
from contract import attach_all, run_asgi
from django.core.asgi import get_asgi_application

assert django_project.urlpatterns

if __name__ == "__main__":
    run_asgi(attach_all(get_asgi_application()))
