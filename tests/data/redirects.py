"""Records where Django sends a path without its final slash, into redirects.json: `python redirects.py`, with Django 5.2.

Each target is asked of two URL configurations: `tags` (one pattern, of one segment) and `all` (a pattern that any path has).
"""
import json
import sys
import types
from pathlib import Path
from urllib.parse import unquote_to_bytes

import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path, re_path

settings.configure(
    ALLOWED_HOSTS=['*'], DEBUG=False, APPEND_SLASH=True, MIDDLEWARE=['django.middleware.common.CommonMiddleware'],
    ROOT_URLCONF='tags', LOGGING_CONFIG=None,
)
django.setup()


def view(request, **kwargs):
    return HttpResponse('found')


for name, patterns in {
    'tags': [re_path(r'^lib/tags/(?P<pk>[^/.]+)/$', view), path('lib/tags/', view)],
    'all': [path('<path:rest>/', view)],
}.items():
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].urlpatterns = patterns

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.urls import clear_url_caches, set_urlconf  # noqa: E402

TARGETS = [
    '/lib/tags/fiction', '/lib/tags/fict%69on', '/lib/tags/fiction/', '/lib/tags', '/lib/tags?', '/lib/tags?a=1', '/lib/tags/x?',
    '/lib/tags/x?a=1&b=2', '/lib/tags/x?a=%20', '/lib/tags/x?a=+b', "/lib/tags/x?a='b'", '/lib/tags/x?a="b"', '/lib/tags/x?[a]={b}',
    '/lib/tags/x?a=b?c', '/lib/tags/x??', '/lib/tags/x?%', '/lib/tags/x?%zz', '/lib/tags/x?a=^`|', '/lib/tags/x?next=//evil.example',
    '/lib/tags/x?a=\\b', '/lib/tags/x?%ff', '/lib/tags/x?%c3%a9', '/lib/tags/x?a;b', '/lib/tags/x?a=~!*()@:$,', '/lib/tags/x?%23',
    '/lib/tags/[x]', '/lib/tags/%5Bx%5D', '/lib/tags/%5bx%5d', '/lib/tags/%ff', '/lib/tags/%FF', '/lib/tags/%c3', '/lib/tags/%c3%28',
    '/lib/tags/%c3%a9', '/lib/tags/%C3%A9', '/lib/tags/%e2%82', '/lib/tags/%e2%82%ac', '/lib/tags/%f0%9f%98%80', '/lib/tags/%f0%9f',
    '/lib/tags/%ed%a0%80', '/lib/tags/%c0%80', '/lib/tags/a%ffb%fec', '/lib/tags/%20', '/lib/tags/a%20b', '/lib/tags/a+b', '/lib/tags/a%2Bb',
    '/lib/tags/%25', '/lib/tags/%2525', '/lib/tags/%25ff', '/lib/tags/%', '/lib/tags/%zz', '/lib/tags/%4', '/lib/tags/100%', '/lib/tags/a=b',
    '/lib/tags/a;b', '/lib/tags/a%3Bb', '/lib/tags/a%3Fb', '/lib/tags/a%23b', '/lib/tags/a%26b', '/lib/tags/a&b', "/lib/tags/a'b", '/lib/tags/(a)',
    '/lib/tags/a*b', '/lib/tags/a!b', '/lib/tags/a$b', '/lib/tags/a,b', '/lib/tags/a:b', '/lib/tags/a@b', '/lib/tags/a~b', '/lib/tags/a-_b',
    '/lib/tags/a"b', '/lib/tags/%22', '/lib/tags/%3Cb%3E', '/lib/tags/{x}', '/lib/tags/a|b', '/lib/tags/a^b', '/lib/tags/a%60b', '/lib/tags/a\\b',
    '/lib/tags/a%5Cb', '/lib/tags/%09', '/lib/tags/%0d%0aSet-Cookie:x', '/lib/tags/%00', '/lib/tags/%7f', '/lib/tags/%e2%80%ae',
    '/lib/tags/a%2Fb', '/lib/tags/a.b', '/lib/%74ags/x', '/%6cib/tags/x', '/lib/tags/x%2F', '/lib//tags/x', '/lib/tags/../x', '/nowhere',
    '//evil.example', '//evil.example/', '///evil.example', '//evil.example/x?a=1', '/\\evil.example', '/%5Cevil.example', '/%2Fevil.example',
    '/%2F%2Fevil.example', '/%2f/evil.example', '//%2Fevil.example', '/%09/evil.example', '/.//evil.example', '/http://evil.example',
    '/http:%2F%2Fevil.example', '//user@evil.example:80', '//[::1]', '/a//b', '/@evil.example', '/;x', '/%3Ascheme', '//', '/%2F',
    '/javascript:alert(1)', '/' + 'a' * 3000,
]


def asked(urlconf, target):
    settings.ROOT_URLCONF = urlconf
    set_urlconf(None)
    clear_url_caches()
    raw, _, query = target.partition('?')
    answer = {}
    environ = {
        'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '', 'PATH_INFO': unquote_to_bytes(raw).decode('latin-1'), 'QUERY_STRING': query,
        'SERVER_NAME': 'testserver', 'SERVER_PORT': '80', 'HTTP_HOST': 'testserver', 'wsgi.url_scheme': 'http', 'wsgi.input': sys.stdin.buffer,
        'wsgi.errors': sys.stderr,
    }
    WSGIHandler()(environ, lambda status, headers: answer.update(status=int(status[:3]), headers=dict(headers)))
    return [urlconf, target, answer['status'], answer['headers'].get('Location')]


rows = [asked(urlconf, target) for urlconf in ('tags', 'all') for target in TARGETS]
lines = ',\n'.join(json.dumps(row) for row in rows)
Path(__file__).with_name('redirects.json').write_text(f'[\n{lines}\n]\n')
print(len(rows), 'recorded', sum(row[2] == 301 for row in rows), 'redirects')
