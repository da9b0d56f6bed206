// fastify with @fastify/http-proxy: the ten lines one would write without this project.

import type { IncomingMessage } from 'node:http'

import { decide, type Decided, forwardedFor, urlsOf } from './node-decision.ts'
import { nodeProxy, type Serve } from './node-proxy.ts'

export const fastifyHttpProxy = nodeProxy(
  '@fastify/http-proxy',
  'fastify and its proxy plugin (undici): the ten lines one would write oneself',
)

function decidedOf(request: unknown): Decided {
  return (request as { decided: Decided }).decided
}

export const serve: Serve = async (port, backends) => {
  const [{ default: Fastify }, { default: httpProxy }] = await Promise.all([
    import('fastify'),
    import('@fastify/http-proxy'),
  ])
  const urls = urlsOf(backends)
  const app = Fastify({ logger: false, keepAliveTimeout: 300_000, requestTimeout: 0, bodyLimit: 64 * 1024 * 1024 })
  app.decorateRequest('decided', null)
  await app.register(httpProxy, {
    upstream: '',
    undici: { connections: 256, pipelining: 1, keepAliveTimeout: 300_000 },
    preHandler(request, _reply, done) {
      ;(request as unknown as { decided: Decided }).decided = decide(request.raw)
      done()
    },
    replyOptions: {
      getUpstream: (request) => urls[decidedOf(request).version],
      rewriteRequestHeaders(request, headers) {
        const { host } = request.headers
        return Object.assign(headers, { 'x-forwarded-for': forwardedFor(request.raw as IncomingMessage), host })
      },
      rewriteHeaders(headers, request) {
        const { version, setCookie } = decidedOf(request)
        headers['x-version'] = version
        if (setCookie !== undefined) headers['set-cookie'] = [setCookie]
        return headers
      },
    },
  })
  await app.listen({ port, host: '127.0.0.1', backlog: 4096 })
}
