"""Django's WSGI application."""

import django_project  # configures Django
from contract import attach_all, attach_mounted, mount_wsgi, run_wsgi
from django.core.wsgi import get_wsgi_application

assert django_project.urlpatterns

if __name__ == "__main__":
    mounted = attach_mounted(get_wsgi_application(), synchronous=True)
    run_wsgi(mount_wsgi(attach_all(get_wsgi_application(), synchronous=True), mounted))
