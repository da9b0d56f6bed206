// A request as the routes of manifests see it: after Envoy's own changes to its fields, before those of the route.

import { firstCookie } from '../affinity/cookie-field.ts'
import type { Address, RequestFacts } from '../rules/types.ts'
import type { RequestHead } from './exchange.ts'
import type { AcceptedTarget } from './target.ts'

export class MeshFacts implements RequestFacts {
  readonly method: string
  readonly scheme: 'http' | 'https'
  readonly authority: string
  readonly path: string
  readonly query: string
  readonly port: number
  readonly clientAddress: Address
  /** Tested when routes were made: each listener has its caller. */
  readonly sourceLabels = undefined
  readonly #head: RequestHead
  readonly #joins: boolean

  /** @param joins repeated headers are one text to their matchers (MeshSpec.repeatedHeaders) */
  constructor(
    head: RequestHead,
    { path, query }: AcceptedTarget,
    scheme: 'http' | 'https',
    port: number,
    clientAddress: Address,
    joins: boolean,
  ) {
    this.#head = head
    this.method = head.method
    this.scheme = scheme
    this.authority = head.authority
    this.path = path
    this.query = query
    this.port = port
    this.clientAddress = clientAddress
    this.#joins = joins
  }

  headerLines(name: string): readonly string[] {
    const lines = this.#head.sentLines(name)
    return this.#joins && lines.length > 1 ? [lines.join(',')] : lines
  }

  cookie(name: string): string | undefined {
    const field = this.#head.get('cookie')
    return field === undefined ? undefined : firstCookie(field, name)
  }
}
