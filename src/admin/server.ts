// The admin server: how the gateway is, what it was told, why it decides as it does, and reload. On a port of its own, loopback unless
// a token is set; beside it an optional probe port for kubelet and Prometheus. Never on the path of a user's request.

import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'

import { configurationJson } from './configuration-json.ts'
import {
  explainBodySchema,
  explainInput,
  explainQuerySchema,
  type ExplainBody,
  type ExplainQuery,
} from './explain-schema.ts'
import { createGuard, foreignPage, isLoopback, type GuardedRequest, type Refusal } from './guard.ts'
import type { AdminView, MetricsText } from './view.ts'

export interface ListenAddress {
  /** A name or an address, without brackets. */
  readonly host: string
  /** 0 lets the kernel choose. */
  readonly port: number
}

export interface AdminOptions {
  readonly view: AdminView
  readonly metrics: MetricsText
  readonly listen: ListenAddress
  /** Opens /healthz, /readyz and /metrics, and nothing else, without token or Host check. */
  readonly probe?: ListenAddress | undefined
  /** Bearer token for every request; required when `listen` is not loopback. At least 16 characters. */
  readonly token?: string | undefined
}

export interface AdminServer {
  /** As bound, e.g. `127.0.0.1:9901`. */
  readonly address: string
  readonly probeAddress: string | undefined
  close(): Promise<void>
}

/** Rejects when a token is missing or short, or when an address cannot be bound. */
export async function createAdminServer(options: AdminOptions): Promise<AdminServer> {
  const { view, metrics, listen, probe, token } = options
  if (token === undefined && !isLoopback(listen.host)) {
    throw new Error(`the admin server listens on ${listen.host}, which is not loopback: it needs a token`)
  }
  if (token !== undefined && token.length < 16) throw new Error('the admin token is shorter than 16 characters')

  const admin = newServer(createGuard({ host: listen.host, token }))
  addProbeRoutes(admin, view, metrics, true)
  addAdminRoutes(admin, view)
  const servers = [admin]
  try {
    const address = await bind(admin, listen)
    let probeAddress: string | undefined
    if (probe !== undefined) {
      const probing = newServer(foreignPage)
      addProbeRoutes(probing, view, metrics, false)
      servers.push(probing)
      probeAddress = await bind(probing, probe)
    }
    return { address, probeAddress, close: () => closeAll(servers) }
  } catch (error) {
    await closeAll(servers)
    throw error
  }
}

/** Fastify with the guard in front of every route, 404 included, and small limits. */
function newServer(guard: (request: GuardedRequest) => Refusal | undefined): FastifyInstance {
  const server = fastify({
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
    keepAliveTimeout: 5_000,
    forceCloseConnections: true,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  server.removeContentTypeParser('text/plain')
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(answerHeaders)
    const refusal = guard(guardedParts(request))
    if (refusal === undefined) return
    if (refusal.status === 401) reply.header('www-authenticate', 'Bearer')
    return problem(reply, refusal.status, refusal.title)
  })
  server.setNotFoundHandler((_request, reply) => problem(reply, 404, 'There is no such page'))
  server.setErrorHandler((error, _request, reply) => {
    const { statusCode = 500, message } = error as { readonly statusCode?: number; readonly message: string }
    return problem(reply, statusCode, message)
  })
  return server
}

/** All lines of a field joined: Node keeps the first of two Hosts, and two of anything here are one too many. */
function guardedParts({ raw }: FastifyRequest): GuardedRequest {
  const lines = raw.headersDistinct
  return {
    host: lines['host']?.join(),
    origin: lines['origin']?.join(),
    secFetchSite: lines['sec-fetch-site']?.join(),
    authorization: lines['authorization']?.join(),
    localAddress: raw.socket.localAddress,
  }
}

/** No script, no frame, no cache, no guessing of types: what is shown holds names that others wrote. */
const answerHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}

function addProbeRoutes(server: FastifyInstance, view: AdminView, metrics: MetricsText, verboseAllowed: boolean): void {
  server.get('/healthz', (_request, reply) => reply.type(plainText).send('ok\n'))

  server.get<{ Querystring: { verbose?: string } }>('/readyz', (request, reply) => {
    reply.code(view.state === 'ready' ? 200 : 503)
    if (!verboseAllowed || request.query.verbose === undefined) return reply.type(plainText).send(`${view.state}\n`)
    const { snapshot, ...lastReload } = view.lastReload()
    const workers = view.workers?.()
    return reply.send({ state: view.state, configuration: snapshot, listeners: view.listeners(), workers, lastReload })
  })

  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
}

function addAdminRoutes(server: FastifyInstance, view: AdminView): void {
  server.get('/config', (_request, reply) => reply.send(configurationJson(view.configuration())))

  server.post('/reload', async (_request, reply) => {
    const result = await view.reload()
    return reply.code(result.ok ? 200 : 422).send(result)
  })

  server.get<{ Querystring: ExplainQuery }>(
    '/explain',
    { schema: { querystring: explainQuerySchema } },
    (request, reply) => explain(view, request.query, reply),
  )
  server.post<{ Body: ExplainBody }>('/explain', { schema: { body: explainBodySchema } }, (request, reply) =>
    explain(view, request.body, reply),
  )
}

function explain(view: AdminView, question: ExplainQuery | ExplainBody, reply: FastifyReply): FastifyReply {
  const input = explainInput(question)
  return typeof input === 'string' ? problem(reply, 400, input) : reply.send(view.explain(input))
}

const plainText = 'text/plain; charset=utf-8'

function problem(reply: FastifyReply, status: number, title: string): FastifyReply {
  return reply
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title, status }))
}

async function bind(server: FastifyInstance, { host, port }: ListenAddress): Promise<string> {
  await server.listen({ host, port })
  const bound = server.server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the admin server is not bound to a port')
  return bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`
}

async function closeAll(servers: readonly FastifyInstance[]): Promise<void> {
  await Promise.all(servers.map((server) => server.close()))
}
