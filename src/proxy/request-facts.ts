// A request head as the rules see it. Lazy: what no rule asks for is never computed.

import { findCookies } from '../affinity/cookie-field.ts'
import type { Address, RequestFacts } from '../rules/types.ts'
import type { RequestHead } from './exchange.ts'

export class HeadFacts implements RequestFacts {
  readonly method: string
  readonly scheme: 'http' | 'https'
  readonly authority: string
  readonly path: string
  readonly query: string
  readonly port: number
  readonly clientAddress: Address
  readonly sourceLabels: Readonly<Record<string, string>> | undefined
  readonly #head: RequestHead

  constructor(
    head: RequestHead,
    scheme: 'http' | 'https',
    path: string,
    query: string,
    port: number,
    clientAddress: Address,
    sourceLabels: Readonly<Record<string, string>> | undefined,
  ) {
    this.#head = head
    this.method = head.method
    this.scheme = scheme
    this.authority = head.authority
    this.path = path
    this.query = query
    this.port = port
    this.clientAddress = clientAddress
    this.sourceLabels = sourceLabels
  }

  headerLines(name: string): readonly string[] {
    return this.#head.lines(name)
  }

  cookie(name: string): string | undefined {
    const field = this.#head.get('cookie')
    return field === undefined ? undefined : findCookies(field, name)[0]
  }
}
