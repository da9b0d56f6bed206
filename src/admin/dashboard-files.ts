// The dashboard's files, read once and served from memory: nothing is built, and nothing comes from elsewhere. Each has an ETag, so that a
// browser asks again and takes nothing old for new after an upgrade.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const folder = join(import.meta.dirname, 'dashboard')

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Scripts, styles and figures of this server; nothing inline, nothing of others, in no frame, and no form goes anywhere. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'"

interface DashboardFile {
  readonly type: string
  readonly etag: string
  readonly bytes: Buffer
  readonly zipped: Buffer
}

/** `GET /` and `GET /dashboard/NAME`. They hold nothing of this gateway, so they are open to who has no token yet. */
export function addDashboard(server: FastifyInstance): void {
  for (const [name, file] of dashboardFiles()) {
    server.get(
      name === 'index.html' ? '/' : `/dashboard/${name}`,
      { schema: { hide: true }, config: { open: true } },
      (request, reply) => send(request, reply, file),
    )
  }
}

/** By name. */
export function dashboardFiles(): ReadonlyMap<string, DashboardFile> {
  const names = readdirSync(folder).filter((name) => types[extname(name)] !== undefined)
  return new Map(names.map((name) => [name, fileOf(name)]))
}

function fileOf(name: string): DashboardFile {
  const bytes = readFileSync(join(folder, name))
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
  return { type: types[extname(name)] as string, etag, bytes, zipped: gzipSync(bytes, { level: 9 }) }
}

function send(request: FastifyRequest, reply: FastifyReply, file: DashboardFile): FastifyReply {
  reply.headers({
    'cache-control': 'no-cache',
    'content-security-policy': contentSecurityPolicy,
    'referrer-policy': 'no-referrer',
    etag: file.etag,
    vary: 'accept-encoding',
  })
  if (request.headers['if-none-match']?.includes(file.etag) === true) return reply.code(304).send()
  reply.type(file.type)
  if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(file.bytes)
  return reply.header('content-encoding', 'gzip').send(file.zipped)
}
