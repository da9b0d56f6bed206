// How a case of a raw message is written down in a line. Graded as corpus.json is.

import type { CorpusCase } from './corpus-player.ts'
import type { Part } from './recording-upstream.ts'

export type More = Partial<CorpusCase>
type Raw = string | readonly Part[]

/** The whole message is refused: nothing of it reaches an upstream, and the connection ends. */
export function refused(name: string, raw: Raw, more: More = {}): CorpusCase {
  return { id: 'further', name, description: 'is refused', raw, expected: 'reject-400', max_upstream: 0, ...more }
}

export function passed(name: string, raw: Raw, more: More = {}): CorpusCase {
  return { id: 'further', name, description: 'is passed on', raw, expected: 'accept', max_upstream: 1, ...more }
}

/** An answer of the upstream that is no HTTP. */
export function badAnswer(name: string, raw: Raw, more: More = {}): CorpusCase {
  // oxlint-disable-next-line unicorn/no-thenable -- the corpus' word for what follows
  const upstream = { raw, then: 'close' } as const
  return {
    id: 'further',
    name,
    description: 'is no answer',
    kind: 'response',
    raw: get(''),
    upstream,
    expected: 'reject-502',
    ...more,
  }
}

export function goodAnswer(name: string, raw: Raw, more: More = {}): CorpusCase {
  return { ...badAnswer(name, raw, more), description: 'is an answer', expected: 'accept', ...more }
}

export const host = 'Host: corpus.test\r\n'
export const hidden = `GET /SMUGGLED HTTP/1.1\r\n${host}\r\n`
export const ok = 'HTTP/1.1 200 OK\r\n'

/** A request with these further fields. */
export function get(fields: string): string {
  return `GET /a HTTP/1.1\r\n${host}${fields}\r\n`
}

/** A request with this request line. */
export function line(start: string): string {
  return `${start}\r\n${host}\r\n`
}

export function post(fields: string, body: string): string {
  return `POST /a HTTP/1.1\r\n${host}${fields}\r\n${body}`
}

/** A request with this chunked body. */
export function chunks(body: string): string {
  return post('Transfer-Encoding: chunked\r\n', body)
}

/** For the name of a case. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text)
}

/** A refusal that may come when the head is on its way already. */
export const late: More = { expected: 'reject-close' }
