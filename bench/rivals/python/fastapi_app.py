"""FastAPI over asyncpg, served by uvicorn."""
import json
import os
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import database
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, StringConstraints

Uid = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
TAKEN = {'non_field_errors': ['The fields collection, uid must make a unique set.']}
MISSING = {'detail': 'No Document matches the given query.'}
SHOWN = 'id, uid, blob, collection_id AS collection'


class DocumentIn(BaseModel):
    uid: Uid
    blob: Any
    collection: int


class DocumentPatch(BaseModel):
    uid: Uid | None = None
    blob: Any = None
    collection: int | None = None


class Document(BaseModel):
    id: int
    uid: str
    blob: Any
    collection: int


class Page(BaseModel):
    count: int
    next: str | None
    previous: str | None
    results: list[Document]


async def prepare(connection):
    await connection.set_type_codec('jsonb', encoder=json.dumps, decoder=json.loads, schema='pg_catalog')


@asynccontextmanager
async def lifespan(app):
    place = {'host': database.HOST, 'user': database.USER, 'database': database.NAME}
    async with asyncpg.create_pool(**place, min_size=8, max_size=8, init=prepare) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None)


@app.exception_handler(asyncpg.UniqueViolationError)
async def taken(request, error):
    return JSONResponse(TAKEN, 400)


@app.exception_handler(asyncpg.ForeignKeyViolationError)
async def no_collection(request, error):
    given = (await request.json())['collection']
    return JSONResponse({'collection': [f'Invalid pk "{given}" - object does not exist.']}, 400)


@app.get('/documents/')
async def page(request: Request, page: int = 1) -> Page:
    size = database.PAGE_SIZE
    pool = app.state.pool
    count = await pool.fetchval('SELECT count(*) FROM seed_document')
    last = max(1, -(-count // size))
    if not 1 <= page <= last:
        return JSONResponse({'detail': 'Invalid page.'}, 404)
    rows = await pool.fetch(f'SELECT {SHOWN} FROM seed_document ORDER BY id LIMIT $1 OFFSET $2', size, (page - 1) * size)
    url = str(request.url.replace(query=''))
    return Page(
        count=count,
        next=f'{url}?page={page + 1}' if page < last else None,
        previous=None if page == 1 else url if page == 2 else f'{url}?page={page - 1}',
        results=[Document(**row) for row in rows],
    )


@app.post('/documents/', status_code=201)
async def create(given: DocumentIn) -> Document:
    row = await app.state.pool.fetchrow(
        f'INSERT INTO seed_document (uid, blob, collection_id) VALUES ($1, $2, $3) RETURNING {SHOWN}',
        given.uid, given.blob, given.collection)
    return Document(**row)


@app.get('/documents/{id}/')
async def retrieve(id: int) -> Document:
    row = await app.state.pool.fetchrow(f'SELECT {SHOWN} FROM seed_document WHERE id = $1', id)
    return Document(**row) if row else JSONResponse(MISSING, 404)


@app.patch('/documents/{id}/')
async def change(id: int, given: DocumentPatch) -> Document:
    values = given.model_dump(exclude_unset=True)
    if 'collection' in values:
        values['collection_id'] = values.pop('collection')
    if not values:
        return await retrieve(id)
    columns = ', '.join(f'{name} = ${place}' for place, name in enumerate(values, 2))
    row = await app.state.pool.fetchrow(
        f'UPDATE seed_document SET {columns} WHERE id = $1 RETURNING {SHOWN}', id, *values.values())
    return Document(**row) if row else JSONResponse(MISSING, 404)


if __name__ == '__main__':
    host, _, port = os.environ['BIND'].rpartition(':')
    uvicorn.run('fastapi_app:app', host=host, port=int(port), workers=2, access_log=False)
