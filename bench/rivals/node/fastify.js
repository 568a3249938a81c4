// Fastify over pg, with schemas that it validates and serializes by.
import cluster from 'node:cluster';
import Fastify from 'fastify';
import pg from 'pg';

// two processes, as the other programs have two workers
if (cluster.isPrimary) {
    for (let n = 0; n < 2; n++) cluster.fork();
    cluster.on('exit', () => process.exit(1));
} else {
    await serve();
}

async function serve() {
    const [user, place] = process.env.DATABASE_URL.replace('postgres://', '').split('@');
    const [folder, database] = place.split('/');
    const size = Number(process.env.PAGE_SIZE ?? 20);
    // bigint as a number, as JSON shows it
    pg.types.setTypeParser(20, Number);
    const pool = new pg.Pool({user, host: decodeURIComponent(folder), database, max: 8});
    const shown = 'id, uid, blob, collection_id AS collection';

    const given = {
        uid: {type: 'string', minLength: 1},
        blob: {},
        collection: {type: 'integer'},
    };
    const document = {
        type: 'object',
        properties: {id: {type: 'integer'}, uid: {type: 'string'}, blob: {}, collection: {type: 'integer'}},
    };
    const page = {
        type: 'object',
        properties: {
            count: {type: 'integer'},
            next: {type: ['string', 'null']},
            previous: {type: ['string', 'null']},
            results: {type: 'array', items: document},
        },
    };

    const app = Fastify();
    app.setErrorHandler((error, request, reply) => {
        if (error.code === '23505') {
            return reply.code(400).send({non_field_errors: ['The fields collection, uid must make a unique set.']});
        }
        if (error.code === '23503') {
            const text = `Invalid pk "${request.body.collection}" - object does not exist.`;
            return reply.code(400).send({collection: [text]});
        }
        return reply.send(error);
    });
    const missing = (reply) => reply.code(404).send({detail: 'No Document matches the given query.'});
    const query = (name, text, values) => pool.query({name, text, values});

    app.get('/documents/', {schema: {
        querystring: {type: 'object', properties: {page: {type: 'integer', default: 1}}}, response: {200: page},
    }}, async (request, reply) => {
        const number = request.query.page;
        const {rows: [{count}]} = await query('count', 'SELECT count(*) FROM seed_document');
        const last = Math.max(1, Math.ceil(count / size));
        if (number < 1 || number > last) return reply.code(404).send({detail: 'Invalid page.'});
        const text = `SELECT ${shown} FROM seed_document ORDER BY id LIMIT $1 OFFSET $2`;
        const {rows} = await query('page', text, [size, (number - 1) * size]);
        const url = `${request.protocol}://${request.host}/documents/`;
        return {
            count,
            next: number < last ? `${url}?page=${number + 1}` : null,
            previous: number === 1 ? null : number === 2 ? url : `${url}?page=${number - 1}`,
            results: rows,
        };
    });

    app.post('/documents/', {schema: {
        body: {type: 'object', properties: given, required: ['uid', 'blob', 'collection']}, response: {201: document},
    }}, async (request, reply) => {
        const {uid, blob, collection} = request.body;
        const text = `INSERT INTO seed_document (uid, blob, collection_id) VALUES ($1, $2, $3) RETURNING ${shown}`;
        const {rows: [row]} = await query('create', text, [uid.trim(), JSON.stringify(blob), collection]);
        return reply.code(201).send(row);
    });

    const byId = {type: 'object', properties: {id: {type: 'integer'}}};
    app.get('/documents/:id/', {schema: {params: byId, response: {200: document}}}, async (request, reply) => {
        const text = `SELECT ${shown} FROM seed_document WHERE id = $1`;
        const {rows: [row]} = await query('retrieve', text, [request.params.id]);
        return row ?? missing(reply);
    });

    app.patch('/documents/:id/', {schema: {
        params: byId, body: {type: 'object', properties: given}, response: {200: document},
    }}, async (request, reply) => {
        const {uid, blob, collection} = request.body;
        const text = `UPDATE seed_document SET uid = coalesce($2, uid), blob = coalesce($3::jsonb, blob),
            collection_id = coalesce($4, collection_id) WHERE id = $1 RETURNING ${shown}`;
        const values = [request.params.id, uid?.trim(), blob === undefined ? null : JSON.stringify(blob), collection];
        const {rows: [row]} = await query('change', text, values);
        return row ?? missing(reply);
    });

    const [host, port] = process.env.BIND.split(':');
    await app.listen({host, port: Number(port)});
}
