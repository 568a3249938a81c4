"""What DRF and Django Ninja share: settings and models. Connections are kept by a pool, as Django 5.1 and later have it."""
import django
from django.conf import settings

import database

settings.configure(
    ALLOWED_HOSTS=['*'],
    DATABASES={'default': {
        'ENGINE': 'django.db.backends.postgresql', 'NAME': database.NAME, 'USER': database.USER, 'HOST': database.HOST,
        'OPTIONS': {'pool': True},
    }},
    INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth', 'rest_framework'],
    MIDDLEWARE=['django.middleware.common.CommonMiddleware'],
    ROOT_URLCONF='',
    REST_FRAMEWORK={
        'DEFAULT_RENDERER_CLASSES': ['rest_framework.renderers.JSONRenderer'],
        'DEFAULT_PARSER_CLASSES': ['rest_framework.parsers.JSONParser'],
        'DEFAULT_AUTHENTICATION_CLASSES': [],
        'DEFAULT_PAGINATION_CLASS': 'rest_framework.pagination.PageNumberPagination',
        'PAGE_SIZE': database.PAGE_SIZE,
        'UNAUTHENTICATED_USER': None,
    },
    USE_TZ=True,
)
django.setup()

from django.db import models  # noqa: E402


class Collection(models.Model):
    id = models.BigAutoField(primary_key=True)

    class Meta:
        app_label = 'seed'
        db_table = 'seed_collection'


class Document(models.Model):
    id = models.BigAutoField(primary_key=True)
    collection = models.ForeignKey(Collection, models.CASCADE)
    uid = models.TextField()
    blob = models.JSONField()

    class Meta:
        app_label = 'seed'
        db_table = 'seed_document'
        ordering = ['id']
        unique_together = [('collection', 'uid')]
