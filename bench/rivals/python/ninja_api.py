"""Django Ninja: gunicorn ninja_api:application."""
import json
import sys
from typing import Annotated, Any

from django_project import Collection, Document, settings
import database
from django.core.wsgi import get_wsgi_application
from django.db import IntegrityError, transaction
from django.urls import path
from ninja import NinjaAPI, Schema
from ninja.responses import Response
from pydantic import StringConstraints

Uid = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
TAKEN = {'non_field_errors': ['The fields collection, uid must make a unique set.']}
MISSING = {'detail': 'No Document matches the given query.'}
api = NinjaAPI(openapi_url=None)


class DocumentIn(Schema):
    uid: Uid
    blob: Any
    collection: int


class DocumentPatch(Schema):
    uid: Uid = None
    blob: Any = None
    collection: int = None


class DocumentOut(Schema):
    id: int
    uid: str
    blob: Any
    collection: int

    @staticmethod
    def resolve_collection(document):
        return document.collection_id


class Page(Schema):
    count: int
    next: str | None
    previous: str | None
    results: list[DocumentOut]


def refused(error, collection):
    if 'seed_document_collection_id_uid' in str(error):
        return Response(TAKEN, status=400)
    return Response({'collection': [f'Invalid pk "{collection}" - object does not exist.']}, status=400)


@api.get('/documents/', response=Page)
def page(request, page: int = 1):
    documents = Document.objects.all()
    count = documents.count()
    last = max(1, -(-count // database.PAGE_SIZE))
    if not 1 <= page <= last:
        return Response({'detail': 'Invalid page.'}, status=404)
    start = (page - 1) * database.PAGE_SIZE
    url = request.build_absolute_uri(request.path)
    return {
        'count': count,
        'next': f'{url}?page={page + 1}' if page < last else None,
        'previous': None if page == 1 else url if page == 2 else f'{url}?page={page - 1}',
        'results': documents[start:start + database.PAGE_SIZE],
    }


@api.post('/documents/', response={201: DocumentOut})
def create(request, given: DocumentIn):
    if not Collection.objects.filter(id=given.collection).exists():
        return refused('', given.collection)
    try:
        with transaction.atomic():
            return 201, Document.objects.create(uid=given.uid, blob=given.blob, collection_id=given.collection)
    except IntegrityError as error:
        return refused(error, given.collection)


@api.get('/documents/{int:id}/', response=DocumentOut)
def retrieve(request, id: int):
    document = Document.objects.filter(id=id).first()
    return document or Response(MISSING, status=404)


@api.patch('/documents/{int:id}/', response=DocumentOut)
def change(request, id: int, given: DocumentPatch):
    values = given.dict(exclude_unset=True)
    if 'collection' in values:
        values['collection_id'] = values.pop('collection')
    try:
        with transaction.atomic():
            document = Document.objects.select_for_update().filter(id=id).first()
            if document is None:
                return Response(MISSING, status=404)
            for name, value in values.items():
                setattr(document, name, value)
            document.save(update_fields=list(values))
    except IntegrityError as error:
        return refused(error, given.collection)
    return document


urlpatterns = [path('', api.urls)]
settings.ROOT_URLCONF = sys.modules[__name__]
application = get_wsgi_application()
