// Every refusal of the admin server, in one form: problem+json (RFC 9457).

import type { FastifyReply } from 'fastify'

/** `more` is added to the body. */
export function problem(reply: FastifyReply, status: number, title: string, more: object = {}): FastifyReply {
  return reply
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title, status, ...more }))
}
