// graylane/fastify: for an app that is its own gateway. Decides the version of each request and pins it, and leaves the rest to the app:
// `request.graylane.version` says what was decided, `request.graylane.upstream` where that version is. Forwards nothing, opens no port.

import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'
import { formatProblem } from './config/problem.ts'
import { drawSecrets, EdgeInForce } from './edge-in-force.ts'
import { FastifyReplyHead, FastifyRequestHead } from './fastify-heads.ts'
import type { Log } from './gateway-event.ts'
import type { Observer, RequestRecord } from './observe/record.ts'
import { FieldLine } from './proxy/field-line.ts'
import type { EdgeListener } from './proxy/edge.ts'
import { Endpoints } from './proxy/endpoints.ts'
import {
  type Connection,
  type EdgeAnswer,
  type Exchange,
  type Forwarding,
  nothingHappened,
  type Outcome,
} from './proxy/exchange.ts'
import { handleRequest } from './proxy/handle-request.ts'
import { Reloads } from './reloads.ts'
import { withPort } from './rules/authority.ts'

export interface GraylaneOptions {
  /** Path of routes.yaml. `listen`, `limits` and `overload` have no meaning here: the ports are the app's. */
  readonly configPath: string
  /** Follow changes of the files (default), or read them once. */
  readonly watch?: boolean
  /** Lines for people: what was reloaded, what was refused. Default: the app's own log, a refusal with its problems as an error. */
  readonly log?: (line: string) => void
  /** Finished requests, with version and reason; see the access log. */
  readonly observe?: Observer
}

/** What was decided for a request. */
export interface Graylane {
  readonly version: string
  /** `rule`, `share`, `pin`, `stable` ... */
  readonly reason: string
  /** The gray rule's name or `line N`; '' when none led here. */
  readonly rule: string
  readonly service: string
  /** `http://address:port` of an endpoint of that version's pool, another one at each request; undefined when none is up. */
  readonly upstream: string | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined only before the plugin's own onRequest hook has run. */
    graylane: Graylane
  }
}

/** Rejects with ConfigurationError when the configuration cannot be used. A bad one never replaces a good one. */
async function graylane(app: FastifyInstance, options: GraylaneOptions): Promise<void> {
  const endpoints = new Endpoints(() => performance.now())
  const secrets = drawSecrets(randomBytes)
  const inForce = new EdgeInForce({ endpoints, secrets, nowSeconds, randomBytes, lookUp: undefined })
  const reloads = new Reloads({
    path: options.configPath,
    apply: async (snapshot) => void inForce.commit(snapshot, await inForce.prepare(snapshot)),
    log: options.log ?? logOf(app),
    count: () => {},
  })
  await reloads.start()
  if (options.watch !== false) reloads.watch()
  app.addHook('onClose', async () => {
    reloads.close()
    inForce.close()
  })

  const around = {
    endpoints,
    observe: options.observe ?? (() => {}),
    nowSeconds,
    randomBytes,
    random: Math.random,
    mirrors: undefined,
  }
  const exchanges = new WeakMap<FastifyRequest, FastifyExchange>()
  const listener = listenerOf(secrets.instance)

  app.decorateRequest('graylane', null as unknown as Graylane)
  app.addHook('onRequest', (request, reply, next) => {
    const exchange = new FastifyExchange(request, reply)
    exchanges.set(request, exchange)
    handleRequest(around, inForce.edge, listener, exchange)
    exchange.settled(next)
  })
  app.addHook('onSend', async (request, reply, payload) => {
    exchanges.get(request)?.answers(new FastifyReplyHead(reply))
    return payload
  })
  app.addHook('onResponse', async (request, reply) => exchanges.get(request)?.ends(reply.statusCode, 'done'))
  app.addHook('onRequestAbort', async (request) => exchanges.get(request)?.ends(0, 'client-gone'))
}

export default plugin(graylane, { name: 'graylane', fastify: '5.x' })

/** A refused file is an error there: many an app logs nothing below. */
function logOf({ log }: FastifyInstance): Log {
  return (line, event) => {
    if (event?.event === 'reload-refused') log.error({ problems: event.problems.map(formatProblem) }, line)
    else log.info(line)
  }
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

/** Of the app's own ports, which are not ours to know. */
function listenerOf(instance: string): EdgeListener {
  const viaName = `graylane-${instance}-fastify`
  return {
    spec: { name: 'fastify', port: 0, address: '', internal: false, from: [], sourceLabels: undefined, tls: [] },
    mayCall: () => true,
    viaName,
    via: FieldLine.lasting('via', `1.1 ${viaName}`),
    via10: FieldLine.lasting('via', `1.0 ${viaName}`),
    termination: undefined,
  }
}

class FastifyExchange implements Exchange {
  readonly connection: Connection
  readonly request: FastifyRequestHead
  readonly #fastifyRequest: FastifyRequest
  readonly #reply: FastifyReply
  readonly #startedAt = performance.now()
  #forwarding: (Forwarding & { readonly record?: RequestRecord }) | undefined
  #onFinish: ((outcome: Outcome) => void) | undefined
  #next: (() => void) | undefined
  #delay: NodeJS.Timeout | undefined
  #answered = false

  constructor(request: FastifyRequest, reply: FastifyReply) {
    const { socket } = request.raw
    this.request = new FastifyRequestHead(request)
    this.#fastifyRequest = request
    this.#reply = reply
    this.connection = {
      listener: undefined,
      remoteAddress: socket.remoteAddress ?? '127.0.0.1',
      remotePort: socket.remotePort ?? 0,
      localAddress: socket.localAddress ?? '127.0.0.1',
      localPort: socket.localPort ?? 0,
      encrypted: 'encrypted' in socket && socket.encrypted === true,
      memo: undefined,
    }
  }

  answer({ status, fields, body }: EdgeAnswer, onFinish: (outcome: Outcome) => void): void {
    this.#answered = true
    this.#onFinish = onFinish
    this.#reply.code(status)
    const head = new FastifyReplyHead(this.#reply)
    for (const [name, value] of fields) head.append(name, value)
    this.#reply.send(typeof body === 'string' ? body : Buffer.from(body))
  }

  forward(forwarding: Forwarding & { readonly record?: RequestRecord }): void {
    this.#forwarding = forwarding
    this.#onFinish = (outcome) => forwarding.onFinish(outcome)
    this.#fastifyRequest.graylane = new Decided(forwarding)
    this.#next?.()
  }

  /** A fault's delay. */
  hold(afterMs: number, then: () => void, onGone: (outcome: Outcome) => void): void {
    this.#onFinish = onGone
    this.#delay = setTimeout(() => {
      this.#onFinish = undefined
      then()
    }, afterMs)
  }

  // Long answers are the app's, and end when it ends them.
  watchEnds(): void {}
  endGently(): void {}

  /** Calls `next` as soon as the app's turn has come; never when the edge answered. */
  settled(next: () => void): void {
    if (this.#forwarding !== undefined) next()
    else if (!this.#answered) this.#next = next
  }

  /** An answer is about to be sent: the app's, where the request was left to it. */
  answers(head: FastifyReplyHead): void {
    this.#forwarding?.onAnswer(head)
  }

  ends(status: number, end: Outcome['end']): void {
    clearTimeout(this.#delay)
    const durationMs = performance.now() - this.#startedAt
    this.#onFinish?.({ ...nothingHappened, status, end, durationMs })
    this.#onFinish = undefined
  }
}

class Decided implements Graylane {
  readonly version: string
  readonly reason: string
  readonly rule: string
  readonly service: string
  readonly #forwarding: Forwarding
  #upstream: string | undefined

  constructor(forwarding: Forwarding & { readonly record?: RequestRecord }) {
    const { version = '', reason = '', rule = '', service = '' } = forwarding.record ?? {}
    this.version = version
    this.reason = reason
    this.rule = rule
    this.service = service
    this.#forwarding = forwarding
  }

  get upstream(): string | undefined {
    if (this.#upstream !== undefined) return this.#upstream
    const endpoint = this.#forwarding.endpoint(1)
    if (endpoint === undefined || endpoint === 'overflow') return undefined
    const { address, port, serverName } = endpoint
    const scheme = serverName === undefined ? 'http' : 'https'
    return (this.#upstream = `${scheme}://${withPort(serverName ?? address, port)}`)
  }
}
