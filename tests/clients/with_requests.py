"""requests against examples/library.rs: by token, password and session, with JSON, forms and chunks."""
import requests
from checks import BASE, PASSWORD, has, same, step, run, titles

USER = 'requests'
API = f'{BASE}/api'
made = {}
by_token = requests.Session()


def answer(response, status, kind='application/json'):
    same((response.status_code, response.headers.get('Content-Type')), (status, kind))
    return response.json()


@step
def token():
    """signs up and asks for a token"""
    credentials = {'username': USER, 'password': PASSWORD}
    has(answer(requests.post(f'{API}/sign-up/', json=credentials), 201), username=USER)
    token = answer(requests.post(f'{API}/token/', data=credentials), 200)['token']
    same(answer(requests.post(f'{API}/token/', json=credentials), 200), {'token': token})
    wrong = requests.post(f'{API}/token/', json={**credentials, 'password': 'wrong'})
    same(answer(wrong, 400), {'non_field_errors': ['Unable to log in with provided credentials.']})
    by_token.headers['Authorization'] = f'Token {token}'


@step
def bodies():
    """sends JSON, forms and multipart forms"""
    author = answer(by_token.post(f'{API}/authors/', json={'name': 'Iain (requests)'}), 201)['id']
    made['author'] = author
    book = {'title': 'Wasp', 'isbn': 'r0', 'price': '5.00', 'published': '1984-02-16', 'author': author}
    form = {**book, 'title': 'Glass & Bridge=ü', 'isbn': 'r1'}
    parts = {name: (None, str(value)) for name, value in {**book, 'title': 'Multi', 'isbn': 'r2'}.items()}
    has(answer(by_token.post(f'{API}/books/', json=book), 201), **book)
    has(answer(by_token.post(f'{API}/books/', data=form), 201), **form)
    has(answer(by_token.post(f'{API}/books/', files=parts), 201), title='Multi', author=author)
    last = {'title': 'Last', 'isbn': 'r3', 'price': 5, 'author': author}
    last = answer(by_token.post(f'{API}/books/', json=last), 201)
    has(last, title='Last', price='5.00', published=None)
    made['id'] = last['id']


@step
def chunks():
    """sends a body whose length it does not know"""
    body = iter([b'{"title": "Chu', b'nks", "isbn": "r4", "price": 5, ', f'"author": {made["author"]}}}'.encode()])
    response = by_token.post(f'{API}/books/', data=body, headers={'Content-Type': 'application/json'})
    book = answer(response, 201)
    has(book, title='Chunks', price='5.00')
    same(by_token.delete(f'{API}/books/{book["id"]}/').status_code, 204)


@step
def links():
    """follows the links of pages"""
    url, seen = f'{API}/books/?author={made["author"]}&ordering=title&page_size=3', []
    while url:
        page = answer(by_token.get(url), 200)
        same(page['count'], 4)
        seen.append(titles(page))
        url, back = page['next'], page['previous']
    same(seen, [['Glass & Bridge=ü', 'Last', 'Multi'], ['Wasp']])
    same(titles(answer(by_token.get(back), 200)), seen[0])
    query = {'author': made['author'], 'search': 'iain glass', 'price__lt': '6', 'ordering': '-price'}
    same(titles(answer(by_token.get(f'{API}/books/', params=query), 200)), ['Glass & Bridge=ü'])


@step
def one():
    """reads, replaces, changes and deletes one"""
    url = f'{API}/books/{made["id"]}/'
    whole = {'title': 'Crow', 'isbn': 'r3', 'price': '6.50', 'published': '1992-01-01', 'author': made['author']}
    same(answer(by_token.put(url, json=whole), 200), {'id': made['id'], **whole})
    same(answer(by_token.patch(url, data={'price': '7'}), 200), {'id': made['id'], **whole, 'price': '7.00'})
    same(answer(by_token.get(url), 200), {'id': made['id'], **whole, 'price': '7.00'})
    gone = by_token.delete(url)
    same((gone.status_code, gone.content, gone.headers.get('Content-Type')), (204, b'', None))
    same(answer(by_token.get(url), 404), {'detail': 'No Book matches the given query.'})


@step
def errors():
    """is told what is wrong"""
    same(answer(requests.post(f'{API}/books/', json={}), 401),
         {'detail': 'Authentication credentials were not provided.'})
    same(answer(requests.get(f'{API}/books/', headers={'Authorization': 'Token x'}), 401), {'detail': 'Invalid token.'})
    required = ['This field is required.']
    same(answer(by_token.post(f'{API}/books/', json={}), 400),
         {'title': required, 'isbn': required, 'price': required, 'author': required})
    has(answer(by_token.post(f'{API}/books/', data='{', headers={'Content-Type': 'application/json'}), 400),
        detail='JSON parse error - Expecting property name enclosed in double quotes: line 1 column 2 (char 1)')
    same(answer(by_token.post(f'{API}/books/', data='x', headers={'Content-Type': 'text/plain'}), 415),
         {'detail': 'Unsupported media type "text/plain" in request.'})
    same(answer(by_token.get(f'{API}/books/', headers={'Accept': 'image/png'}), 406),
         {'detail': 'Could not satisfy the request Accept header.'})
    not_allowed = by_token.delete(f'{API}/books/')
    same(answer(not_allowed, 405), {'detail': 'Method "DELETE" not allowed.'})
    same(not_allowed.headers['Allow'], 'GET, POST, HEAD, OPTIONS')


@step
def other_methods():
    """asks for heads and options, and follows to the final slash"""
    head = by_token.head(f'{API}/books/')
    same((head.status_code, head.content, head.headers['Content-Type']), (200, b'', 'application/json'))
    options = answer(by_token.options(f'{API}/books/'), 200)
    same((options['name'], options['actions']['POST']['price']['required']), ('Book List', True))
    redirected = by_token.get(f'{API}/authors', params={'search': 'iain'})
    same([step.status_code for step in redirected.history], [301])
    same([author['id'] for author in answer(redirected, 200)['results']], [made['author']])


@step
def basic():
    """sends name and password with every request"""
    wrong = requests.post(f'{API}/authors/', json={'name': 'x'}, auth=(USER, 'wrong'))
    same(answer(wrong, 401), {'detail': 'Invalid username/password.'})
    right = requests.patch(f'{API}/authors/{made["author"]}/', json={'name': 'Banks (requests)'}, auth=(USER, PASSWORD))
    same(answer(right, 200), {'id': made['author'], 'name': 'Banks (requests)'})


@step
def session():
    """logs in for cookies, and writes with the CSRF token alone"""
    browser = requests.Session()
    credentials = {'username': USER, 'password': PASSWORD}
    same(answer(browser.post(f'{API}/login/', data=credentials), 403), {'detail': 'CSRF Failed: CSRF cookie not set.'})
    browser.get(f'{API}/login/')
    first = browser.cookies['csrftoken']
    same(browser.post(f'{API}/login/', data=credentials, headers={'X-CSRFToken': first}).status_code, 204)
    same(browser.cookies['csrftoken'] == first, False)
    same(sorted(browser.cookies.keys()), ['csrftoken', 'sessionid'])
    author = f'{API}/authors/{made["author"]}/'
    same(answer(browser.patch(author, json={'name': 'no'}), 403), {'detail': 'CSRF Failed: CSRF token missing.'})
    browser.headers['X-CSRFToken'] = browser.cookies['csrftoken']
    same(answer(browser.patch(author, json={'name': 'M. (requests)'}), 200)['name'], 'M. (requests)')
    same(browser.post(f'{API}/logout/').status_code, 204)
    same('sessionid' in browser.cookies, False)
    same(answer(browser.patch(author, json={'name': 'no'}), 401),
         {'detail': 'Authentication credentials were not provided.'})


run()
