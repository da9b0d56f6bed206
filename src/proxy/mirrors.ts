// Copies of requests for Istio's mirrors: sent and forgotten. Nothing waits for them, their answers are thrown away, and there is a bound
// to how many are under way to each endpoint: what is above it is dropped, so that a slow mirror costs neither clients nor other mirrors.

import { connect as connectPlain } from 'node:net'
import { type Dispatcher, Pool } from 'undici'
import type { Endpoint } from './exchange.ts'
import { isSecure, UpstreamTrust } from './tls/upstream-trust.ts'
import { requestForUndici } from './undici-request.ts'

// Of each endpoint; bytes are those of the bodies.
const mostUnderWay = 1024
const mostBytes = 32 * 1_048_576
const connectionsEach = 64
/** Milliseconds for the head of the answer, then for its body, when the route has no time-out of its own. */
const patienceMs = 15_000

/** dropped: too many under way, or too much, a body that was too long to keep, or no endpoint. */
export type MirrorOutcome = 'answered' | 'failed' | 'dropped'

interface Target {
  readonly pool: Pool
  /** Copies, and bytes of their bodies. */
  underWay: number
  bytes: number
}

export class Mirrors {
  readonly #report: (outcome: MirrorOutcome) => void
  /** Of HTTPS endpoints; the one of the upstreams, which is prepared and tells what it refuses. */
  trust = new UpstreamTrust()
  readonly #targets = new Map<string, Target>()

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
    if (endpoint === undefined || body === undefined) return this.#report('dropped')
    const target = this.#targetAt(endpoint)
    if (target.underWay >= mostUnderWay || target.bytes + body.length > mostBytes) return this.#report('dropped')
    const { options } = requestForUndici(head)
    target.underWay++
    target.bytes += body.length
    // Time is kept by `discarding`: undici's own limits are for pauses, and begin when it is sent.
    const copy = {
      ...options,
      body: body.length > 0 ? Buffer.from(body) : null,
      headersTimeout: 0,
      bodyTimeout: 0,
    }
    let open = true
    const end = (good: boolean): void => {
      if (!open) return
      open = false
      target.underWay--
      target.bytes -= body.length
      this.#report(good ? 'answered' : 'failed')
    }
    try {
      target.pool.dispatch(copy, discarding(timeoutMs, end))
    } catch {
      // undici refuses what it cannot write; whatever it is, the request itself has long been sent.
      end(false)
    }
  }

  #targetAt(endpoint: Endpoint): Target {
    const known = this.#targets.get(endpoint.key)
    if (known !== undefined) return known
    const pool = new Pool('http://mirror', {
      connections: connectionsEach,
      pipelining: 1,
      allowH2: false,
      connect: (_options, done) => this.#connect(endpoint, done),
    })
    const target = { pool, underWay: 0, bytes: 0 }
    this.#targets.set(endpoint.key, target)
    return target
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
    const target = this.#targets.get(endpointKey)
    this.#targets.delete(endpointKey)
    void target?.pool.close().catch(() => {})
  }

  close(): void {
    for (const { pool } of this.#targets.values()) void pool.destroy().catch(() => {})
    this.#targets.clear()
  }
}

/** Throws an answer away. One that has no end (events, say) is left after a while: it would keep others from being copied. */
function discarding(timeoutMs: number, end: (good: boolean) => void): Dispatcher.DispatchHandler {
  let controller: Dispatcher.DispatchController | undefined
  let isOverdue = false
  let isHeard = false
  const timer = setTimeout(
    () => {
      isOverdue = true
      controller?.abort(new Error('overdue'))
    },
    timeoutMs > 0 ? timeoutMs : patienceMs,
  ).unref()
  const done = (good: boolean): void => {
    clearTimeout(timer)
    end(good)
  }
  return {
    onRequestStart: (started) => {
      controller = started
      // It waited for a connection too long.
      if (isOverdue) started.abort(new Error('overdue'))
    },
    onResponseStart: () => {
      if (timeoutMs > 0) return
      isHeard = true
      timer.refresh()
    },
    onResponseData: () => {},
    onResponseEnd: () => done(true),
    onResponseError: () => done(isHeard && isOverdue),
  }
}
