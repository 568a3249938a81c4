"""Django REST framework: gunicorn drf:application."""
import sys

from django_project import Document, settings
from django.core.wsgi import get_wsgi_application
from rest_framework import routers, serializers, viewsets


class DocumentSerializer(serializers.ModelSerializer):
    class Meta:
        model = Document
        fields = ['id', 'uid', 'blob', 'collection']


class DocumentViewSet(viewsets.ModelViewSet):
    queryset = Document.objects.all()
    serializer_class = DocumentSerializer


router = routers.SimpleRouter()
router.register('documents', DocumentViewSet)
urlpatterns = router.urls
settings.ROOT_URLCONF = sys.modules[__name__]
application = get_wsgi_application()
