// A fastify request and its reply as the edge sees messages: fields read and changed in place, so that whatever handles the request next,
// a proxy plugin for one, sends what was asserted. Reads and sends no bytes.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequestHead, ResponseHead } from './proxy/exchange.ts'
import { FieldChanges } from './proxy/field-changes.ts'
import type { FieldNames } from './proxy/http1/field-names.ts'

type Fields = Record<string, string | string[] | undefined>

export class FastifyRequestHead extends FieldChanges implements RequestHead {
  readonly method: string
  readonly target: string
  readonly authority: string
  readonly minorVersion: 0 | 1
  readonly scheme = ''
  readonly websocket = false
  readonly repeats = false
  readonly hasBody: boolean
  readonly #came: readonly (readonly [name: string, value: string])[]
  readonly #fields: Fields

  constructor({ raw }: FastifyRequest) {
    super()
    this.method = raw.method ?? 'GET'
    this.target = raw.url ?? '/'
    this.minorVersion = raw.httpVersionMinor === 0 ? 0 : 1
    this.#fields = raw.headers as Fields
    this.#came = pairsOf(raw.rawHeaders)
    this.authority = this.get('host') ?? ''
    this.hasBody = this.has('content-length') || this.has('transfer-encoding')
  }

  repeatChanges(): boolean {
    return false
  }

  get(name: string): string | undefined {
    const lines = this.lines(name)
    return lines.length === 0 ? undefined : lines.join(name === 'cookie' ? '; ' : ', ')
  }

  lines(name: string): readonly string[] {
    return this.#came.filter((field) => field[0] === name).map((field) => field[1])
  }

  has(name: string): boolean {
    return this.#came.some((field) => field[0] === name)
  }

  sent(name: string): string | undefined {
    const value = this.#fields[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  sentLines(name: string): readonly string[] {
    const value = this.#fields[name]
    return value === undefined ? [] : [value].flat()
  }

  repeatedNames(): readonly string[] {
    const names = this.#came.map(([name]) => name)
    return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))]
  }

  /** Node has them so already. */
  lowerCaseNames(): void {}

  remove(name: string): void {
    delete this.#fields[name]
  }

  removeSpellings(names: FieldNames): void {
    for (const name of Object.keys(this.#fields)) if (names.spells(name)) this.remove(name)
  }

  append(name: string, value: string): void {
    const before = this.sent(name)
    this.#fields[name] = before === undefined ? value : `${before}, ${value}`
  }

  set(name: string, value: string): void {
    this.#fields[name] = value
  }

  entries(): readonly (readonly [name: string, value: string])[] {
    return this.#came
  }
}

export class FastifyReplyHead extends FieldChanges implements ResponseHead {
  readonly #reply: FastifyReply

  constructor(reply: FastifyReply) {
    super()
    this.#reply = reply
  }

  get status(): number {
    return this.#reply.statusCode
  }

  get(name: string): string | undefined {
    const lines = this.lines(name)
    return lines.length === 0 ? undefined : lines.join(', ')
  }

  lines(name: string): readonly string[] {
    const value = this.#reply.getHeader(name)
    return value === undefined ? [] : [value].flat().map(String)
  }

  has(name: string): boolean {
    return this.#reply.hasHeader(name)
  }

  sent(name: string): string | undefined {
    return this.get(name)
  }

  sentLines(name: string): readonly string[] {
    return this.lines(name)
  }

  repeatedNames(): readonly string[] {
    return []
  }

  /** Node has them so already. */
  lowerCaseNames(): void {}

  remove(name: string): void {
    this.#reply.removeHeader(name)
  }

  removeSpellings({ names }: FieldNames): void {
    for (const name of names) this.remove(name)
  }

  removeLines(name: string, test: (value: string) => boolean): void {
    const kept = this.lines(name).filter((value) => !test(value))
    this.remove(name)
    for (const value of kept) this.append(name, value)
  }

  append(name: string, value: string): void {
    // Fastify adds to Set-Cookie and replaces everything else.
    const before = name === 'set-cookie' ? undefined : this.get(name)
    this.#reply.header(name, before === undefined ? value : `${before}, ${value}`)
  }

  set(name: string, value: string): void {
    this.remove(name)
    this.append(name, value)
  }

  entries(): readonly (readonly [name: string, value: string])[] {
    return Object.keys(this.#reply.getHeaders()).flatMap((name) =>
      this.lines(name).map((value) => [name, value] as const),
    )
  }
}

function pairsOf(raw: readonly string[]): readonly (readonly [name: string, value: string])[] {
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([(raw[at] as string).toLowerCase(), raw[at + 1] as string])
  return pairs
}
