// Copies of requests for Istio's mirrors: sent and forgotten. Nothing waits for them, their answers are thrown away, and there is a bound
// to how many are under way: what is above it is dropped, so that a slow mirror costs the clients nothing.

import { connect as connectPlain } from 'node:net'
import { type Dispatcher, Pool } from 'undici'
import type { Endpoint } from './exchange.ts'
import { isSecure, UpstreamTrust } from './tls/upstream-trust.ts'
import { requestForUndici } from './undici-request.ts'

const mostUnderWay = 1024
const connectionsEach = 64
/** Milliseconds without a byte of the answer, when the route has no time-out of its own. */
const patienceMs = 15_000

/** dropped: too many under way, a body that was too long to keep, or no endpoint. */
export type MirrorOutcome = 'answered' | 'failed' | 'dropped'

export class Mirrors {
  readonly #report: (outcome: MirrorOutcome) => void
  /** Of HTTPS endpoints; the one of the upstreams, which is prepared and tells what it refuses. */
  trust = new UpstreamTrust()
  readonly #pools = new Map<string, Pool>()
  #underWay = 0

  /** @param report is told of each copy once */
  constructor(report: (outcome: MirrorOutcome) => void = () => {}) {
    this.#report = report
  }

  /**
   * @param head as it was sent on, one character a byte
   * @param body undefined when it was not kept whole
   * @param timeoutMs for the whole answer; 0 for none
   */
  send(endpoint: Endpoint | undefined, head: string, body: Uint8Array | undefined, timeoutMs: number): void {
    if (endpoint === undefined || body === undefined || this.#underWay >= mostUnderWay) return this.#report('dropped')
    const { options } = requestForUndici(head)
    this.#underWay++
    const patience = timeoutMs > 0 ? timeoutMs : patienceMs
    const copy = {
      ...options,
      body: body.length > 0 ? Buffer.from(body) : null,
      headersTimeout: patience,
      bodyTimeout: patience,
    }
    let open = true
    const end = (good: boolean): void => {
      if (!open) return
      open = false
      this.#underWay--
      this.#report(good ? 'answered' : 'failed')
    }
    try {
      this.#poolOf(endpoint).dispatch(copy, discarding(end))
    } catch {
      // undici refuses what it cannot write; whatever it is, the request itself has long been sent.
      end(false)
    }
  }

  #poolOf(endpoint: Endpoint): Pool {
    const known = this.#pools.get(endpoint.key)
    if (known !== undefined) return known
    const pool = new Pool('http://mirror', {
      connections: connectionsEach,
      pipelining: 1,
      allowH2: false,
      connect: (_options, done) => this.#connect(endpoint, done),
    })
    this.#pools.set(endpoint.key, pool)
    return pool
  }

  #connect(
    endpoint: Endpoint,
    done: (...result: [Error, null] | [null, ReturnType<typeof connectPlain>]) => void,
  ): void {
    const secure = isSecure(endpoint)
    const socket = secure
      ? this.trust.connect(endpoint)
      : connectPlain({ host: endpoint.address, port: endpoint.port, noDelay: true })
    socket.setTimeout(patienceMs, () => socket.destroy(new Error('no connection')))
    socket.once('error', (error: Error) => done(error, null))
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0)
      done(null, socket)
    })
  }

  /** The endpoint left the configuration. */
  retire(endpointKey: string): void {
    const pool = this.#pools.get(endpointKey)
    this.#pools.delete(endpointKey)
    void pool?.close().catch(() => {})
  }

  close(): void {
    for (const pool of this.#pools.values()) void pool.destroy().catch(() => {})
    this.#pools.clear()
  }
}

function discarding(end: (good: boolean) => void): Dispatcher.DispatchHandler {
  return {
    onRequestStart: () => {},
    onResponseStart: () => {},
    onResponseData: () => {},
    onResponseEnd: () => end(true),
    onResponseError: () => end(false),
  }
}
