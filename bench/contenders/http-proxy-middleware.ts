// http-proxy-middleware, over httpxy, in a plain node:http server.

import { Agent, createServer } from 'node:http'

import { decide, type Decided, forwardedFor, urlsOf } from './node-decision.ts'
import { nodeProxy, type Serve } from './node-proxy.ts'

export const httpProxyMiddleware = nodeProxy(
  'http-proxy-middleware',
  'the middleware of webpack and many dev servers (node:http)',
)

export const serve: Serve = async (port, backends) => {
  const { createProxyMiddleware } = await import('http-proxy-middleware')
  const urls = urlsOf(backends)
  const decided = new WeakMap<object, Decided>()
  const proxy = createProxyMiddleware({
    target: urls.v1,
    agent: new Agent({ keepAlive: true, maxSockets: 1024, maxFreeSockets: 1024 }),
    router(request) {
      const one = decide(request)
      // Its own `xfwd` keeps what the client sent and adds nothing.
      request.headers['x-forwarded-for'] = forwardedFor(request)
      decided.set(request, one)
      return urls[one.version]
    },
    on: {
      proxyRes(answer, request) {
        const { version, setCookie } = decided.get(request)!
        answer.headers['x-version'] = version
        if (setCookie !== undefined) answer.headers['set-cookie'] = [setCookie]
      },
    },
  })
  const server = createServer((request, response) => void proxy(request, response))
  server.keepAliveTimeout = 300_000
  server.listen({ port, host: '127.0.0.1', backlog: 4096 })
}
