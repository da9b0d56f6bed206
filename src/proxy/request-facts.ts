// A request head as the rules see it. Lazy: what no rule asks for is never computed.

import { firstCookie } from '../affinity/cookie-field.ts'
import type { Address, RequestFacts } from '../rules/types.ts'
import type { RequestHead } from './exchange.ts'

const nothing: readonly string[] = []

export class HeadFacts implements RequestFacts {
  readonly method: string
  readonly scheme: 'http' | 'https'
  readonly authority: string
  readonly path: string
  query: string
  readonly port: number
  readonly clientAddress: Address
  readonly sourceLabels: Readonly<Record<string, string>> | undefined
  readonly #head: RequestHead
  #assertedHeader = ''

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

  /** At the edge the version's own header never enters from outside, so no rule sees what a client wrote there (docs/affinity.md, step 2). */
  withhold(assertedHeader: string): void {
    this.#assertedHeader = assertedHeader
  }

  headerLines(name: string): readonly string[] {
    return isSpelling(name, this.#assertedHeader) ? nothing : this.#head.lines(name)
  }

  cookie(name: string): string | undefined {
    const field = this.#head.get('cookie')
    return field === undefined ? undefined : firstCookie(field, name)
  }
}

/** `x_version` and `x.version` are `x-version` to many backends. Both names are in lower case. */
function isSpelling(name: string, of: string): boolean {
  if (name.length !== of.length) return false
  for (let i = 0; i < name.length; i += 1) {
    const code = name.charCodeAt(i)
    if (code !== of.charCodeAt(i) && !(isSeparator(code) && isSeparator(of.charCodeAt(i)))) return false
  }
  return true
}

function isSeparator(code: number): boolean {
  return code === 0x2d || code === 0x2e || code === 0x5f
}
