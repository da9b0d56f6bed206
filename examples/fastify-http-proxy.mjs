// An app that is its own gateway: graylane decides and pins, @fastify/http-proxy forwards.
//   node fastify-http-proxy.mjs routes.yaml

import httpProxy from '@fastify/http-proxy'
import { fastify } from 'fastify'
import graylane from 'graylane/fastify'

/** @param {string} configPath */
export async function createApp(configPath) {
  // What is wrong with a file that was changed is told in the app's log.
  const app = fastify({ logger: { level: 'warn' } })
  await app.register(graylane, { configPath })

  // Routes of the app's own know the version too.
  app.get('/whoami', (request, reply) => reply.send(`${request.graylane.version}, because: ${request.graylane.reason}`))

  // Everything else goes to the version that was decided, and never to another.
  await app.register(httpProxy, {
    upstream: '',
    preHandler: (request, reply, next) =>
      request.graylane.upstream === undefined ? void reply.code(503).send() : next(),
    replyOptions: { getUpstream: (request) => request.graylane.upstream },
  })
  return app
}

if (import.meta.main) {
  const app = await createApp(process.argv[2] ?? 'routes.yaml')
  console.log(await app.listen({ port: Number(process.env.PORT ?? 8080) }))
}
