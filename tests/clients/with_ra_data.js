// ra-data-django-rest-framework, the data provider of react-admin, against examples/library.rs.
'use strict';
const assert = require('node:assert/strict');
const {
    default: dataProvider,
    fetchJsonWithAuthToken,
    fetchJsonWithAuthJWTToken,
    tokenAuthProvider,
    jwtTokenAuthProvider,
} = require('ra-data-django-rest-framework');

const api = `${process.argv[2].replace(/\/$/, '')}/api`;
const user = { username: 'ra-data', password: 'correct horse' };
const made = {};

// what a browser has and Node has not
const kept = new Map();
const localStorage = {
    getItem: name => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, String(value)),
    removeItem: name => void kept.delete(name),
};
Object.defineProperty(globalThis, 'localStorage', { value: localStorage, configurable: true });

const data = dataProvider(api, fetchJsonWithAuthToken);
const auth = tokenAuthProvider({ obtainAuthTokenUrl: `${api}/token/` });
const titles = ({ data }) => data.map(book => book.title);
const list = (filter = {}, { page = 1, perPage = 10, field = 'id', order = 'ASC' } = {}) => ({
    filter: { author: made.author, ...filter },
    pagination: { page, perPage },
    sort: { field, order },
});
// The error of a request that must be refused, as react-admin gets it.
async function refused(status, promise) {
    const error = await promise.then(
        answer => assert.fail(`not refused, but ${JSON.stringify(answer)}`),
        error => error,
    );
    assert.equal(error.status, status, String(error.stack));
    return error;
}

// in this order, each may build on those before it
const steps = {
    'signs up': async () => {
        const response = await fetch(`${api}/sign-up/`, {
            method: 'POST',
            body: JSON.stringify(user),
            headers: { 'Content-Type': 'application/json' },
        });
        assert.equal(response.status, 201);
        assert.equal((await response.json()).username, user.username);
    },

    'is told why it cannot log in': async () => {
        const wrong = { ...user, password: 'wrong' };
        await assert.rejects(auth.login(wrong), { message: 'Unable to log in with provided credentials.' });
        await assert.rejects(auth.login({ username: '', password: '' }), { message: 'Bad Request' });
        await assert.rejects(auth.checkAuth());
    },

    'may not write without a token': async () => {
        const error = await refused(401, data.create('authors', { data: { name: 'Nobody' } }));
        assert.deepEqual(error.body, { detail: 'Authentication credentials were not provided.' });
        assert.equal(error.message, 'Unauthorized');
        await assert.rejects(auth.checkError(error));
    },

    'logs in for a token': async () => {
        await auth.login(user);
        await auth.checkAuth();
        assert.match(localStorage.getItem('token'), /^[0-9a-f]{40}$/);
    },

    'create': async () => {
        made.author = (await data.create('authors', { data: { name: 'Stanisław (ra-data)' } })).data.id;
        const books = [['Solaris', '8.00', '1961-06-01'], ['Fiasco', '9.00', '1986-01-01'], ['Eden', '6.50', null]];
        for (const [title, price, published] of books) {
            const book = { title, isbn: `n${title}`, price, published, author: made.author };
            const { data: created } = await data.create('books', { data: book });
            assert.deepEqual(created, { id: created.id, ...book });
            made[title] = created.id;
        }
    },

    'getList with pages': async () => {
        const first = await data.getList('books', list({}, { perPage: 2 }));
        assert.equal(first.total, 3);
        assert.deepEqual(titles(first), ['Solaris', 'Fiasco']);
        assert.deepEqual(titles(await data.getList('books', list({}, { perPage: 2, page: 2 }))), ['Eden']);
        const error = await refused(404, data.getList('books', list({}, { perPage: 2, page: 3 })));
        assert.deepEqual(error.body, { detail: 'Invalid page.' });
    },

    'getList with an order': async () => {
        assert.deepEqual(titles(await data.getList('books', list({}, { field: 'title' }))), ['Eden', 'Fiasco', 'Solaris']);
        const dearest = await data.getList('books', list({}, { field: 'price', order: 'DESC' }));
        assert.deepEqual(titles(dearest), ['Fiasco', 'Solaris', 'Eden']);
    },

    'getList with filters and a search': async () => {
        assert.deepEqual(titles(await data.getList('books', list({ price__lt: 8 }))), ['Eden']);
        assert.deepEqual(titles(await data.getList('books', list({ q: 'stanisław fia' }))), ['Fiasco']);
        assert.deepEqual(await data.getList('books', list({ q: 'ra-data nothing' })), { data: [], total: 0 });
        const error = await refused(400, data.getList('books', list({ price__gte: 'dear' })));
        assert.deepEqual(error.body, { price__gte: ['Enter a number.'] });
    },

    'getOne': async () => {
        const { data: book } = await data.getOne('books', { id: made.Eden });
        assert.deepEqual(book, {
            id: made.Eden, title: 'Eden', isbn: 'nEden', price: '6.50', published: null, author: made.author,
        });
        const error = await refused(404, data.getOne('books', { id: 0 }));
        assert.deepEqual(error.body, { detail: 'No Book matches the given query.' });
    },

    'getMany': async () => {
        assert.deepEqual(titles(await data.getMany('books', { ids: [made.Eden, made.Solaris] })), ['Eden', 'Solaris']);
    },

    'getManyReference': async () => {
        const other = (await data.create('authors', { data: { name: 'Arkady (ra-data)' } })).data.id;
        const book = { title: 'Picnic', isbn: 'nPicnic', price: '5.00', author: other };
        made.Picnic = (await data.create('books', { data: book })).data.id;
        const of = id => data.getManyReference('books', { target: 'author', id, ...list({ author: undefined }) });
        assert.deepEqual(titles(await of(other)), ['Picnic']);
        const { data: books, total } = await of(made.author);
        assert.deepEqual([books.map(book => book.title), total], [['Solaris', 'Fiasco', 'Eden'], 3]);
    },

    'update': async () => {
        const { data: previousData } = await data.getOne('books', { id: made.Eden });
        const changed = { ...previousData, title: 'Eden, again', published: '1959-01-01' };
        const { data: book } = await data.update('books', { id: made.Eden, data: changed, previousData });
        assert.deepEqual(book, changed);
        assert.deepEqual((await data.getOne('books', { id: made.Eden })).data, changed);
    },

    'updateMany': async () => {
        const ids = [made.Solaris, made.Fiasco];
        assert.deepEqual((await data.updateMany('books', { ids, data: { price: '7.25' } })).data, ids);
        const { data: books } = await data.getMany('books', { ids: [...ids, made.Eden] });
        assert.deepEqual(books.map(book => book.price), ['7.25', '7.25', '6.50']);
    },

    'is told what is wrong with fields': async () => {
        const wrong = { title: '', isbn: 'nSolaris', price: 'dear', author: 0 };
        const error = await refused(400, data.create('books', { data: wrong }));
        assert.equal(error.message, 'Bad Request');
        assert.deepEqual(error.body, {
            title: ['This field may not be blank.'],
            isbn: ['book with this isbn already exists.'],
            price: ['A valid number is required.'],
            author: ['Invalid pk "0" - object does not exist.'],
        });
        await auth.checkError(error);
        await auth.checkAuth();
    },

    'is told which methods there are': async () => {
        const error = await refused(405, data.getOne('token/..', { id: 'token' }));
        assert.deepEqual(error.body, { detail: 'Method "GET" not allowed.' });
    },

    'delete': async () => {
        const previousData = { id: made.Eden };
        assert.deepEqual(await data.delete('books', { id: made.Eden, previousData }), { data: previousData });
        await refused(404, data.getOne('books', { id: made.Eden }));
    },

    'deleteMany': async () => {
        await data.deleteMany('books', { ids: [made.Solaris, made.Fiasco, made.Picnic] });
        assert.equal((await data.getList('books', list())).total, 0);
        const error = await refused(404, data.deleteMany('books', { ids: [made.Solaris] }));
        assert.deepEqual(error.body, { detail: 'No Book matches the given query.' });
    },

    'forgets a token that is none any more': async () => {
        const ended = await fetchJsonWithAuthToken(`${api}/logout/`, { method: 'POST' });
        assert.equal(ended.status, 204);
        const error = await refused(401, data.getList('books', list()));
        assert.deepEqual(error.body, { detail: 'Invalid token.' });
        await assert.rejects(auth.checkError(error));
        assert.equal(localStorage.getItem('token'), null);
        assert.equal((await data.getList('books', list())).total, 0);
    },

    'logs in for a JSON web token': async () => {
        const bearer = dataProvider(api, fetchJsonWithAuthJWTToken);
        const auth = jwtTokenAuthProvider({ obtainAuthTokenUrl: `${api}/jwt/` });
        await assert.rejects(auth.login({ ...user, password: 'wrong' }), { message: 'Unauthorized' });
        await auth.login(user);
        const { data: author } = await bearer.update('authors', { id: made.author, data: { name: 'Lem (ra-data)' } });
        assert.equal(author.name, 'Lem (ra-data)');
        localStorage.setItem('access', 'a.b.c');
        const error = await refused(401, bearer.getOne('authors', { id: made.author }));
        assert.equal(error.body.code, 'token_not_valid');
        await assert.rejects(auth.checkError(error));
        assert.equal(localStorage.getItem('access'), null);
    },
};

(async () => {
    for (const [title, step] of Object.entries(steps)) {
        try {
            await step();
            console.log(`ok    ${title}`);
        } catch (error) {
            process.exitCode = 1;
            console.log(`FAULT ${title}\n${error.stack}`);
        }
    }
})();
