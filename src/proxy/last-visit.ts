// What was found of the last request over a connection. Browsers and pollers send the same fields again and again: the next request that has
// them comes from the same visitor, and what was worked out of them holds for it too.

import type { Visit } from '../rules/types.ts'
import type { Client } from './client.ts'
import type { Edge, EdgeRelease } from './edge.ts'
import type { RequestHead } from './exchange.ts'
import type { VisitorCookies } from './visitor-cookies.ts'

export class LastVisit {
  readonly client: Client
  readonly release: EdgeRelease
  readonly cookies: VisitorCookies
  readonly #edge: Edge
  readonly #method: string
  readonly #nowSeconds: number
  #visit: Visit | undefined
  /** Stands for what is changed in requests to a version. */
  #changes = { version: '' }

  constructor(
    edge: Edge,
    { method }: RequestHead,
    client: Client,
    release: EdgeRelease,
    cookies: VisitorCookies,
    nowSeconds: number,
  ) {
    this.client = client
    this.release = release
    this.cookies = cookies
    this.#edge = edge
    this.#method = method
    this.#nowSeconds = nowSeconds
  }

  /** Under the same configuration and within the same second, in which the times of pins, previews and tokens are counted. */
  holdsFor(edge: Edge, { method }: RequestHead, nowSeconds: number): boolean {
    return this.#edge === edge && this.#method === method && this.#nowSeconds === nowSeconds
  }

  /** Undefined when the query has to be looked at, or chance had a part in it. */
  visit(query: string): Visit | undefined {
    return query === '' ? this.#visit : undefined
  }

  note(visit: Visit, query: string): void {
    if (query === '' && visit.reading.state === 'held') this.#visit = visit
  }

  /** The same object as long as requests go to the same version. */
  changesFor(version: string): object {
    if (this.#changes.version !== version) this.#changes = { version }
    return this.#changes
  }
}
