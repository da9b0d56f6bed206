// One request, one answer, by Node's own client: for checking contenders, never for load.

import { Agent, request } from 'node:http'

export interface Question {
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** Sends the body in chunks. */
  readonly chunked?: boolean
  readonly agent?: Agent
}

export interface Reply {
  readonly status: number
  /** By lower-case name; set-cookie is `cookies`. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly cookies: readonly string[]
  readonly body: Buffer
}

const patienceMs = 5000

/** Rejects when the connection breaks or no whole answer comes within 5 s. */
export function ask(port: number, question: Question = {}): Promise<Reply> {
  const { method = 'GET', path = '/', body, chunked = false } = question
  const headers: Record<string, string | number> = { Host: 'shop.example.com', ...question.headers }
  if (body !== undefined && !chunked) headers['Content-Length'] = body.length
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const options = { host: '127.0.0.1', port, method, path, headers, agent: question.agent ?? false }
  const sent = request(options, (answer) => {
    const parts: Buffer[] = []
    answer.on('data', (part: Buffer) => parts.push(part))
    answer.on('error', reject)
    answer.on('end', () => {
      const fields = answer.headers as Record<string, string | undefined>
      const cookies = answer.headers['set-cookie'] ?? []
      resolve({ status: answer.statusCode ?? 0, headers: fields, cookies, body: Buffer.concat(parts) })
    })
  })
  const timer = setTimeout(
    () => sent.destroy(new Error(`no answer to ${method} ${path} in ${patienceMs} ms`)),
    patienceMs,
  )
  sent.on('error', reject)
  sent.end(body)
  return promise.finally(() => clearTimeout(timer))
}
