"""django-rest-framework-client against examples/library.rs."""
import asyncio
import json

from checks import BASE, PASSWORD, has, raises, run, same, step, titles
from drf_client.connection import Api
from drf_client.exceptions import HttpClientError, HttpNotFoundError

USER = 'drf-client'
COMMON = {'DOMAIN': BASE, 'API_PREFIX': 'api', 'LOGOUT': 'logout/', 'USE_DASHES': True}
api = Api({**COMMON, 'TOKEN_TYPE': 'token', 'TOKEN_FORMAT': 'Token {token}', 'LOGIN': 'token/'})
made = {}


def body(error):
    return json.loads(error.content)


def refused(status, call, *args, **kwargs):
    error = raises(HttpClientError, call, *args, **kwargs)
    same(error.response.status_code, status)
    return error


@step
def sign_up():
    """signs up, once per name"""
    api.use_token = False
    new = {'username': USER, 'password': PASSWORD}
    has(api.sign_up.post(new), username=USER)
    same(body(refused(400, api.sign_up.post, new)), {'username': ['A user with that username already exists.']})
    short = body(refused(400, api.sign_up.post, {'password': 'short'}))
    same(short, {'username': ['This field is required.'], 'password': ['Ensure this field has at least 8 characters.']})


@step
def anonymous():
    """reads without a token, and is told to have one for a write"""
    has(api.authors.get(extra='search=nobody'), count=0, next=None, previous=None, results=[])
    error = refused(401, api.authors.post, {'name': 'Nobody'})
    same(body(error), {'detail': 'Authentication credentials were not provided.'})
    same(error.response.headers['WWW-Authenticate'], 'Token')


@step
def login():
    """logs in by name and password for a token"""
    same(api.login(username=USER, password='wrong'), False)
    same(api.login(username=USER, password=PASSWORD), True)
    same(len(api.token), 40)
    api.use_token = True


@step
def create():
    """creates authors and books"""
    made['author'] = api.authors.post({'name': 'Ursula (drf-client)'})['id']
    for title, price, published in (('Left', '9.50', '1969-03-01'), ('Tombs', '7.00', '1971-06-01'),
                                    ('Farthest', '8.25', None), ('Always', '12.00', '1985-10-01'), ('Éa', '3.00', None)):
        new = {'title': title, 'isbn': f'd{title}', 'price': price, 'published': published, 'author': made['author']}
        book = api.books.post(new)
        same({**book, 'id': 0}, {**new, 'id': 0})
        made[title] = book['id']


@step
def pages():
    """walks through pages by what they say"""
    author = f'author={made["author"]}&page_size=2'
    first = api.books.get(extra=author)
    same((first['count'], first['previous'], titles(first)), (5, None, ['Left', 'Tombs']))
    same(first['next'], f'{BASE}/api/books/?author={made["author"]}&page=2&page_size=2')
    second = api.books.get(extra=first['next'].split('?')[1])
    same((titles(second), second['previous']), (['Farthest', 'Always'], f'{BASE}/api/books/?{author}'))
    third = api.books.get(extra=second['next'].split('?')[1])
    same((titles(third), third['next']), (['Éa'], None))
    same(body(raises(HttpNotFoundError, api.books.get, extra=f'{author}&page=4')), {'detail': 'Invalid page.'})


@step
def filters():
    """filters, searches and orders"""
    author = f'author={made["author"]}'
    same(titles(api.books.get(extra=f'{author}&price__lt=8&ordering=price')), ['Éa', 'Tombs'])
    same(titles(api.books.get(extra=f'{author}&price__gte=9.5')), ['Left', 'Always'])
    same(titles(api.books.get(extra='search=dTombs')), ['Tombs'])
    same(titles(api.books.get(extra='search=drf-client left')), ['Left'])
    same(titles(api.books.get(extra=f'{author}&ordering=-title')), ['Éa', 'Tombs', 'Left', 'Farthest', 'Always'])
    same(body(refused(400, api.books.get, extra='price__lt=cheap')), {'price__lt': ['Enter a number.']})
    choice = 'Select a valid choice. That choice is not one of the available choices.'
    same(body(refused(400, api.books.get, extra='author=0')), {'author': [choice]})


@step
def write():
    """reads, replaces, changes and deletes one"""
    book = api.books(made['Left'])
    whole = {'title': 'The Left Hand', 'isbn': 'dLeft', 'price': '10.00', 'published': '1969-03-02',
             'author': made['author']}
    same(book.put(whole), {'id': made['Left'], **whole})
    same(book.patch({'price': 11}), {'id': made['Left'], **whole, 'price': '11.00'})
    same(book.get(), {'id': made['Left'], **whole, 'price': '11.00'})
    same(body(refused(400, book.put, {'title': 'Less'})),
         {name: ['This field is required.'] for name in ('isbn', 'price', 'author')})
    same((book.delete(), book.delete()), (True, False))
    error = raises(HttpNotFoundError, book.get)
    same((error.response.status_code, body(error)), (404, {'detail': 'No Book matches the given query.'}))


@step
def refusals():
    """reads the errors of fields, and those of methods"""
    wrong = {'title': '', 'isbn': 'dTombs', 'price': '-1', 'published': 'today', 'author': 0}
    same(body(refused(400, api.books.post, wrong)), {
        'title': ['This field may not be blank.'],
        'isbn': ['book with this isbn already exists.'],
        'price': ['Ensure this value is greater than or equal to 0.'],
        'published': ['Date has wrong format. Use one of these formats instead: YYYY-MM-DD.'],
        'author': ['Invalid pk "0" - object does not exist.'],
    })
    error = refused(405, api.jwt.get)
    same(body(error), {'detail': 'Method "GET" not allowed.'})
    same(error.response.headers['Allow'], 'POST, OPTIONS')
    same(body(refused(405, api.books.patch, {})), {'detail': 'Method "PATCH" not allowed.'})


@step
def asynchronously():
    """does the same without waiting"""
    async def all_of_it():
        new = {'title': 'Async', 'isbn': 'dAsync', 'price': '1.00', 'author': made['author']}
        book = api.books((await api.books.async_post(new))['id'])
        has(await book.async_patch({'title': 'Later'}), title='Later', published=None)
        has(await book.async_put({**new, 'title': 'Last'}), title='Last')
        pages = await asyncio.gather(*(api.books.async_get(extra=f'search=dAsync&page_size={n}') for n in range(1, 9)))
        same([titles(page) for page in pages], [['Last']] * 8)
        same((await book.async_delete(), await book.async_delete()), (True, False))

    asyncio.run(all_of_it())


@step
def json_web_tokens():
    """logs in for a JSON web token"""
    bearer = Api({**COMMON, 'TOKEN_TYPE': 'access', 'TOKEN_FORMAT': 'Bearer {token}', 'LOGIN': 'jwt/'})
    same(bearer.login(username=USER, password='wrong'), False)
    same(bearer.login(username=USER, password=PASSWORD), True)
    has(bearer.authors(made['author']).patch({'name': 'Ursula K. (drf-client)'}), name='Ursula K. (drf-client)')
    bearer.token = bearer.token[:-4] + 'AAAA'
    has(body(refused(401, bearer.authors.get)), code='token_not_valid')


@step
def logout():
    """logs out, after which the token is none"""
    token = api.token
    api.logout()
    same(api.token, None)
    api.set_token(token)
    same(body(refused(401, api.authors.get)), {'detail': 'Invalid token.'})


run()
