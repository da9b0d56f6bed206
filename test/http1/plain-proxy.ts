// The bare engine as a program: forwards everything to one port, sets x-version, answers refusals. For replaying corpora:
//   node test/http1/plain-proxy.ts LISTEN-PORT UPSTREAM-PORT [UPSTREAM-HOST]

import { fileURLToPath } from 'node:url'
import { edgeAnswer, edgeErrors, errorOfFailure, errorOfRefusal } from '../../src/proxy/edge-answers.ts'
import type {
  Endpoint,
  Exchange,
  ExchangeHandler,
  Forwarding,
  Outcome,
  UpstreamFailure,
} from '../../src/proxy/exchange.ts'
import { FieldNames } from '../../src/proxy/http1/field-names.ts'
import { defaultLimits } from '../../src/proxy/http1/limits.ts'
import type { Limits } from '../../src/proxy/http1/limits.ts'
import { createHttp1Server } from '../../src/proxy/http1/server.ts'
import type { Http1Server } from '../../src/proxy/http1/server.ts'
import { Upstreams } from '../../src/proxy/http1/upstreams.ts'
import { normalizeTarget } from '../../src/proxy/target.ts'

const versionNames = new FieldNames(['x-version'])

export interface PlainProxy {
  readonly port: number
  readonly server: Http1Server<string>
  readonly upstreams: Upstreams
  /** Every outcome that was reported, in order. */
  readonly outcomes: Outcome[]
  /** Why requests were answered without an upstream, in order. */
  readonly failures: UpstreamFailure[]
  close(): Promise<void>
}

export interface PlainProxyOptions {
  readonly endpoints: readonly Endpoint[]
  readonly limits?: Partial<Limits>
  readonly timeoutMs?: number
  readonly port?: number
  /** Milliseconds that each request waits before it is forwarded. */
  readonly hold?: number
  /** Called with every forwarding before it is handed to the engine. */
  readonly adjust?: (forwarding: Forwarding, exchange: Exchange<string>) => Forwarding
}

export function endpointOf(port: number, address = '127.0.0.1'): Endpoint {
  return { key: `${address}:${port}`, address, port }
}

export async function startPlainProxy(options: PlainProxyOptions): Promise<PlainProxy> {
  const limits: Limits = { ...defaultLimits, ...options.limits }
  const upstreams = new Upstreams(limits)
  const outcomes: Outcome[] = []
  const failures: UpstreamFailure[] = []
  const handler: ExchangeHandler<string> = {
    handle: (exchange) => handle(exchange, options, outcomes, failures),
    refuse: (_connection, refusal) => edgeAnswer(errorOfRefusal(refusal), undefined),
  }
  const server = createHttp1Server<string>({ handler, upstreams, limits })
  const { port } = await server.listen('plain', { port: options.port ?? 0, address: '127.0.0.1' })
  const close = async (): Promise<void> => {
    await server.close(500)
    upstreams.close()
  }
  return { port, server, upstreams, outcomes, failures, close }
}

function handle(
  exchange: Exchange<string>,
  options: PlainProxyOptions,
  outcomes: Outcome[],
  failures: UpstreamFailure[],
): void {
  const { request } = exchange
  const onFinish = (outcome: Outcome): void => {
    outcomes.push(outcome)
  }
  const target = normalizeTarget(request.target, 'strict', request.method)
  if (!target.ok) {
    exchange.answer(edgeAnswer(edgeErrors.badTarget, undefined), onFinish)
    return
  }
  // RFC 9110 7.6.2: whoever gets OPTIONS with Max-Forwards 0 is its last recipient.
  if (request.method === 'OPTIONS' && request.get('max-forwards') === '0') {
    exchange.answer({ status: 204, fields: [['allow', 'GET, HEAD, POST, OPTIONS']], body: '' }, onFinish)
    return
  }
  request.removeSpellings(versionNames)
  request.set('x-version', 'v1')
  const forwarding: Forwarding = {
    target: target.target,
    authority: request.authority,
    timeoutMs: options.timeoutMs ?? 5000,
    retries: null,
    keepBytes: 0,
    endpoint: (attempt) => options.endpoints[attempt - 1],
    onEndpointDown: () => undefined,
    onEndpointUp: () => undefined,
    onAnswer: (head) => head.set('x-version', 'v1'),
    onFailure: (failure) => {
      failures.push(failure)
      return edgeAnswer(errorOfFailure(failure), undefined)
    },
    onFinish,
  }
  const forward = (): void =>
    exchange.forward(options.adjust === undefined ? forwarding : options.adjust(forwarding, exchange))
  if (options.hold === undefined) forward()
  else exchange.hold(options.hold, forward, onFinish)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [listen, upstream, host] = process.argv.slice(2)
  const proxy = await startPlainProxy({
    endpoints: [endpointOf(Number(upstream), host ?? '127.0.0.1')],
    port: Number(listen),
  })
  console.log(`plain proxy on ${proxy.port}`)
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void proxy.close())
}
