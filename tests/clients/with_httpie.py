"""The command `http` of HTTPie against examples/library.rs."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from checks import BASE, PASSWORD, has, run, same, step, titles

USER = 'httpie'
CONFIG = tempfile.TemporaryDirectory()
HTTP = Path(sys.executable).with_name('http')
made = {}


def http(*arguments, status=200, path='', method='GET'):
    """The answer's body; HTTPie must end with the code that the status means, and show the status."""
    command = [HTTP, '--check-status', '--ignore-stdin', '--print=hb', '--pretty=none', '--timeout=30']
    command += [*(a for a in arguments if a.startswith('-')), method, f'{BASE}/api/{path}']
    command += [a for a in arguments if not a.startswith('-')]
    environ = {'HTTPIE_CONFIG_DIR': CONFIG.name, 'HOME': CONFIG.name, 'PATH': '/usr/bin:/bin'}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)
    head, _, body = done.stdout.decode().partition('\r\n\r\n')
    same((head.split(' ')[1:2], done.returncode), ([str(status)], {2: 0, 3: 3, 4: 4, 5: 5}[status // 100]))
    made['head'] = head.lower().splitlines()
    return json.loads(body) if body.strip() else None


def token():
    return f'Authorization:Token {made["token"]}'


@step
def sign_up():
    """signs up, and gets a token by JSON and by a form"""
    has(http(f'username={USER}', f'password={PASSWORD}', method='POST', path='sign-up/', status=201), username=USER)
    http(f'username={USER}', f'password={PASSWORD}', method='POST', path='sign-up/', status=400)
    made['token'] = http(f'username={USER}', f'password={PASSWORD}', method='POST', path='token/')['token']
    again = http('--form', f'username={USER}', f'password={PASSWORD}', method='POST', path='token/')
    same(again, {'token': made['token']})
    wrong = http(f'username={USER}', 'password=x', method='POST', path='token/', status=400)
    same(wrong, {'non_field_errors': ['Unable to log in with provided credentials.']})


@step
def create():
    """creates by JSON, forms and multipart forms"""
    author = http(token(), 'name=Octavia (httpie)', method='POST', path='authors/', status=201)['id']
    made['author'] = author
    fields = ('title=Kindred', 'isbn=h1', 'price=8.00', 'published=1979-06-01', f'author:={author}')
    book = http(token(), *fields, method='POST', path='books/', status=201)
    same({**book, 'id': 0}, {'id': 0, 'title': 'Kindred', 'isbn': 'h1', 'price': '8.00', 'published': '1979-06-01',
                             'author': author})
    made['book'] = f'books/{book["id"]}/'
    form = ('title=Dawn', 'isbn=h2', 'price=6.00', f'author={author}')
    has(http('--form', token(), *form, method='POST', path='books/', status=201), title='Dawn', published=None)
    parts = ('title=Imago', 'isbn=h3', 'price=7.00', f'author={author}')
    has(http('--multipart', token(), *parts, method='POST', path='books/', status=201), title='Imago')
    fields = ('title=Fledgling', 'isbn=h4', 'price=9', f'author:={author}')
    has(http(token(), *fields, method='POST', path='books/', status=201), price='9.00')


@step
def chunks():
    """sends a body in chunks"""
    fields = ('title=Chunks', 'isbn=h5', 'price=9', f'author:={made["author"]}')
    book = http('--chunked', token(), *fields, method='POST', path='books/', status=201)
    has(book, title='Chunks', price='9.00')
    http(token(), method='DELETE', path=f'books/{book["id"]}/', status=204)


@step
def lists():
    """lists by pages, filters, searches and orders"""
    author = f'author=={made["author"]}'
    first = http(author, 'page_size==3', 'ordering==title', path='books/')
    same((first['count'], titles(first)), (4, ['Dawn', 'Fledgling', 'Imago']))
    same(titles(http(author, 'page_size==3', 'ordering==title', 'page==2', path='books/')), ['Kindred'])
    same(http(author, 'page==2', path='books/', status=404), {'detail': 'Invalid page.'})
    same(titles(http(author, 'price__lt==8', 'ordering==-price', path='books/')), ['Imago', 'Dawn'])
    same(titles(http('search==octavia "dawn"', path='books/')), ['Dawn'])


@step
def write():
    """reads, replaces, changes and deletes one"""
    fields = ('title=Wild Seed', 'isbn=h1', 'price=8.50', f'author:={made["author"]}')
    has(http(token(), *fields, 'published:=null', method='PUT', path=made['book']), title='Wild Seed', published=None)
    has(http(token(), 'published=1980-08-01', method='PATCH', path=made['book']), published='1980-08-01', price='8.50')
    has(http(path=made['book']), title='Wild Seed', published='1980-08-01')
    same(http(token(), method='DELETE', path=made['book'], status=204), None)
    same(http(path=made['book'], status=404), {'detail': 'No Book matches the given query.'})


@step
def refusals():
    """ends with 4 on errors, and shows them"""
    same(http(token(), 'title=x', 'isbn=h2', 'price=dear', method='POST', path='books/', status=400), {
        'isbn': ['book with this isbn already exists.'],
        'price': ['A valid number is required.'],
        'author': ['This field is required.'],
    })
    same(http('name=x', method='POST', path='authors/', status=401),
         {'detail': 'Authentication credentials were not provided.'})
    same('www-authenticate: token' in made['head'], True)
    same(http(token(), method='DELETE', path='books/', status=405), {'detail': 'Method "DELETE" not allowed.'})
    same('allow: get, post, head, options' in made['head'], True)


@step
def passwords():
    """sends a name and a password, or a bearer token"""
    author = f'authors/{made["author"]}/'
    has(http(f'--auth={USER}:{PASSWORD}', 'name=Butler (httpie)', method='PATCH', path=author), name='Butler (httpie)')
    same(http(f'--auth={USER}:wrong', 'name=x', method='PATCH', path=author, status=401),
         {'detail': 'Invalid username/password.'})
    access = http(f'username={USER}', f'password={PASSWORD}', method='POST', path='jwt/')['access']
    has(http('--auth-type=bearer', f'--auth={access}', 'name=O. (httpie)', method='PATCH', path=author), name='O. (httpie)')


def kept_cookies():
    kept = next(Path(CONFIG.name).glob('sessions/*/cookies.json'))
    return {cookie['name']: cookie['value'] for cookie in json.loads(kept.read_text())['cookies']}


@step
def sessions():
    """keeps cookies and passwords in sessions"""
    author = f'authors/{made["author"]}/'
    http('--session=cookies', path='login/', status=204)
    first = kept_cookies()
    same(sorted(first), ['csrftoken'])
    http('--session=cookies', f'X-CSRFToken:{first["csrftoken"]}', f'username={USER}', f'password={PASSWORD}',
         method='POST', path='login/', status=204)
    cookies = kept_cookies()
    same(sorted(cookies), ['csrftoken', 'sessionid'])
    # HTTPie keeps the header in the session, with the token that the login has changed
    same(http('--session=cookies', 'name=x', method='PATCH', path=author, status=403),
         {'detail': "CSRF Failed: CSRF token from the 'X-Csrftoken' HTTP header incorrect."})
    csrf = f'X-CSRFToken:{cookies["csrftoken"]}'
    has(http('--session=cookies', csrf, 'name=B. (httpie)', method='PATCH', path=author), name='B. (httpie)')
    http('--session=cookies', csrf, method='POST', path='logout/', status=204)
    http('--session=cookies', csrf, 'name=x', method='PATCH', path=author, status=401)
    http('--session=basic', f'--auth={USER}:{PASSWORD}', path=author)
    has(http('--session=basic', 'name=E. (httpie)', method='PATCH', path=author), name='E. (httpie)')


@step
def others():
    """asks for heads and options, and follows to the final slash"""
    same(http(method='HEAD', path='books/'), None)
    same('content-type: application/json' in made['head'], True)
    same(http(method='OPTIONS', path='books/')['name'], 'Book List')
    http(path='books', status=301)
    same(titles(http('--follow', 'search==h3', path='books')), ['Imago'])


run()
