// One gateway of the model: the real handling of requests, decisions, pins and health, without sockets and with the model's clock.

import { createKeyRing } from '../../src/affinity/key-ring.ts'
import { compileConfiguration } from '../../src/config/snapshot.ts'
import { EdgeInForce } from '../../src/edge-in-force.ts'
import { learnVersions } from '../../src/learned-versions.ts'
import { Endpoints } from '../../src/proxy/endpoints.ts'
import { nothingHappened } from '../../src/proxy/exchange.ts'
import type { EdgeAnswer, Exchange, Forwarding, RequestHead, ResponseHead } from '../../src/proxy/exchange.ts'
import { handleRequest } from '../../src/proxy/handle-request.ts'
import { MessageHead } from './message-head.ts'
import { configurationOf, ownersOf, type Plan } from './plan.ts'

export const key = createKeyRing([Buffer.from('the key of all gateways of the model')], () => new Uint8Array()).signing

/** What is outside of the gateways. */
export interface Surroundings {
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly random: () => number
  readonly randomBytes: (size: number) => Uint8Array
  readonly isDead: (address: string) => boolean
  /** Which service and version an address is. */
  readonly whoIs: (address: string) => { readonly service: string; readonly version: string }
}

export interface Request {
  readonly method: string
  readonly path: string
  readonly ip: string
  readonly fields: readonly (readonly [name: string, value: string])[]
}

export interface Answer {
  readonly status: number
  /** x-version of the answer. */
  readonly version: string | undefined
  readonly code: string
  readonly setCookies: readonly string[]
  /** Has the browser forget the pages that it loaded ahead. */
  readonly endsAhead: boolean
  /** Who answered, and what it was told; undefined for an answer of the gateway's own. */
  readonly by:
    | { readonly service: string; readonly version: string; readonly told: readonly string[]; readonly cookies: string }
    | undefined
}

export class ModelGateway {
  plan!: Plan
  readonly #around: Surroundings
  #inForce!: EdgeInForce

  private constructor(around: Surroundings) {
    this.#around = around
  }

  static async start(plan: Plan, around: Surroundings): Promise<ModelGateway> {
    const gateway = new ModelGateway(around)
    await gateway.restart(plan)
    return gateway
  }

  /** A new process: nothing is left but the file and its time. */
  async restart(plan: Plan): Promise<void> {
    this.#inForce?.close()
    const { now, randomBytes } = this.#around
    this.#inForce = new EdgeInForce({
      endpoints: new Endpoints(now),
      secrets: { instance: 'model', pinKey: randomBytes(32), ticketKeys: new Uint8Array(48) },
      nowSeconds: () => this.nowSeconds,
      randomBytes,
      lookUp: undefined,
      pinsRemembered: 50,
    })
    const snapshot = snapshotOf(plan)
    const { releases } = snapshot.configuration
    const edge = await this.#inForce.prepare(snapshot, learnVersions(undefined, releases, plan.writtenAt))
    this.#inForce.commit(snapshot, edge)
    this.plan = plan
  }

  async reload(plan: Plan): Promise<void> {
    const snapshot = snapshotOf(plan)
    this.#inForce.commit(snapshot, await this.#inForce.prepare(snapshot))
    this.plan = plan
  }

  get nowSeconds(): number {
    return Math.floor(this.#around.now() / 1000)
  }

  /** What the prober of a gateway does every half second. */
  probe(): void {
    const { endpoints } = this.#inForce
    for (const state of endpoints.out()) {
      if (this.#around.isDead(state.address)) endpoints.markDown(state)
      else endpoints.markUp(state)
    }
  }

  /** Addresses that are out for this gateway. */
  out(): ReadonlySet<string> {
    return new Set(this.#inForce.endpoints.out().map(({ address }) => address))
  }

  /** Whether all pools of a version have an endpoint that is not out for two seconds or longer. */
  isAvailable(version: string, addressOf: (service: string, owner: string) => string): boolean {
    const { endpoints } = this.#inForce
    return ownersOf(this.plan, version).every(
      ([service, owner]) => !endpoints.isLongOut(endpoints.at(addressOf(service, owner), 80)),
    )
  }

  close(): void {
    this.#inForce.close()
  }

  ask(request: Request): Answer {
    const exchange = new ModelExchange(request, this.#around)
    const { edge, endpoints } = this.#inForce
    const [listener] = edge.listeners.values()
    const { random, randomBytes } = this.#around
    handleRequest(
      {
        endpoints,
        mirrors: undefined,
        observe: (record) => (exchange.code = record.edgeCode),
        nowSeconds: () => this.nowSeconds,
        random,
        randomBytes,
      },
      edge,
      listener!,
      exchange,
    )
    return exchange.result()
  }
}

function snapshotOf(plan: Plan) {
  const compiled = compileConfiguration(configurationOf(plan, key))
  if ('problems' in compiled) throw new Error(compiled.problems[0]?.message)
  return compiled.snapshot
}

const outcome = { ...nothingHappened, upstreamMs: 0, attempts: 1 }

/** What the engine does, as far as the order of its calls goes. */
class ModelExchange implements Exchange {
  readonly connection
  readonly request: RequestHead & MessageHead
  code = ''
  readonly #around: Surroundings
  #answer: Answer | undefined

  constructor({ method, path, ip, fields }: Request, around: Surroundings) {
    this.#around = around
    this.connection = {
      listener: undefined,
      remoteAddress: ip,
      remotePort: 0,
      localAddress: '127.0.0.1',
      localPort: 80,
      encrypted: true,
      memo: undefined,
    }
    this.request = Object.assign(new MessageHead([['host', 'shop.test'], ...fields]), {
      method,
      target: path,
      authority: 'shop.test',
      minorVersion: 1 as const,
      scheme: '' as const,
      websocket: false,
      hasBody: false,
      repeats: false,
      repeatChanges: () => false,
    })
  }

  result(): Answer {
    if (this.#answer === undefined) throw new Error('a request was neither answered nor forwarded')
    return { ...this.#answer, code: this.code }
  }

  answer(answer: EdgeAnswer, onFinish: Parameters<Exchange['answer']>[1]): void {
    this.#take(answer)
    onFinish({ ...outcome, status: answer.status })
  }

  hold(): void {
    throw new Error('nothing is held back in the model')
  }

  watchEnds(): void {}

  endGently(): void {}

  forward(forwarding: Forwarding): void {
    const endpoint = forwarding.endpoint(1)
    if (endpoint === undefined || endpoint === 'overflow') this.#take(forwarding.onFailure('no-endpoint'))
    else if (this.#around.isDead(endpoint.address)) {
      forwarding.onEndpointDown(endpoint)
      forwarding.endpoint(2)
      this.#take(forwarding.onFailure('connect-refused'))
    } else {
      forwarding.onEndpointUp(endpoint)
      this.#takeFrom(endpoint.address, forwarding)
    }
    forwarding.onFinish({ ...outcome, status: this.#answer!.status })
  }

  #take({ status, fields }: EdgeAnswer): void {
    const valuesOf = (name: string) => fields.filter(([field]) => field === name).map(([, value]) => value)
    this.#answer = {
      status,
      version: valuesOf('x-version')[0],
      code: '',
      setCookies: valuesOf('set-cookie'),
      endsAhead: false,
      by: undefined,
    }
  }

  /** A backend that would like to say more than it may. */
  #takeFrom(address: string, forwarding: Forwarding): void {
    const who = this.#around.whoIs(address)
    const isApi = forwarding.target.startsWith('/api/')
    const isAway = forwarding.target === '/away'
    const lines = [
      ...(forwarding.target === '/saved' ? [['content-disposition', 'attachment'] as const] : []),
      ...(isAway ? [['location', '/saved'] as const] : []),
      ['content-type', isApi ? 'application/json' : 'text/html'],
      ['x-version', 'v9'],
      ['set-cookie', 'graylane=1.of.the.backend'],
      ['set-cookie', '__Host-graylane=1.of.the.backend'],
      ['set-cookie', 'session=7'],
    ] as const
    const status = isAway ? 302 : 200
    const head: ResponseHead & MessageHead = Object.assign(new MessageHead(lines), { status })
    forwarding.onAnswer(head)
    this.#answer = {
      status,
      version: head.sentLines('x-version').join(),
      code: '',
      setCookies: head.sentLines('set-cookie').filter((line) => !line.startsWith('session=')),
      endsAhead: head.sent('clear-site-data') !== undefined,
      by: { ...who, told: this.request.sentLines('x-version'), cookies: this.request.sent('cookie') ?? '' },
    }
  }
}
