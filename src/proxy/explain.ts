// `explain`: one imagined request sent through the very function that serves real ones, with each step written down. Nothing is
// forwarded, counted or logged.

import type { Reason, Step } from '../rules/types.ts'
import { closedListener, type Edge, type EdgeListener } from './edge.ts'
import type { Endpoints } from './endpoints.ts'
import {
  type Connection,
  type EdgeAnswer,
  type Exchange,
  type Forwarding,
  type Head,
  nothingHappened,
  type RequestHead,
  type ResponseHead,
} from './exchange.ts'
import { FieldList } from './field-list.ts'
import { handleRequest } from './handle-request.ts'
import type { RequestRecord } from '../observe/record.ts'

export interface ExplainInput {
  /** The socket peer; default 127.0.0.1. */
  readonly ip: string
  readonly method: string
  /** Absolute (http://host/path) or a path; the Host header of `headers` wins over its authority. */
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Of the listener that takes it, as configured; an internal one decides by its caller. Default: the first edge listener. */
  readonly port?: number | undefined
  /** The same by the listener's name, where ports are those that are bound; wins over `port`. */
  readonly listener?: string | undefined
}

export interface Explanation {
  readonly steps: readonly Step[]
  /** '' when the request ended before a decision. */
  readonly version: string
  readonly reason: Reason | ''
  readonly rule: string
  readonly service: string
  /** The version that owns the pool. */
  readonly poolVersion: string
  readonly document: boolean
  readonly clientAddress: string
  /** What the upstream would be asked for; undefined when the edge answers itself. */
  readonly forwards: { readonly target: string; readonly host: string } | undefined
  /** Status of an answer of the edge's own. */
  readonly status: number | undefined
  readonly edgeCode: string
  /** Whether an HTML answer would carry a new pin. */
  readonly setsPin: boolean
}

export interface ExplainContext {
  readonly edge: Edge
  readonly endpoints: Endpoints
  readonly nowSeconds: () => number
  readonly randomBytes: (size: number) => Uint8Array
}

export function explainRequest(context: ExplainContext, input: ExplainInput): Explanation {
  const steps: Step[] = []
  let record: RequestRecord | undefined
  const listener = listenerFor(context.edge, input)
  const exchange = new ImaginedExchange(input, listener.spec.port)
  handleRequest(
    {
      endpoints: context.endpoints,
      observe: (finished) => (record = finished),
      nowSeconds: context.nowSeconds,
      randomBytes: context.randomBytes,
      // What happens to some requests only is not shown, what happens to all of them is.
      random: () => 1 - Number.EPSILON,
      mirrors: undefined,
      trace: (step) => steps.push(step),
    },
    context.edge,
    listener,
    exchange,
  )
  return explanationOf(exchange, record as RequestRecord, steps)
}

function listenerFor({ listeners }: Edge, { listener, port }: ExplainInput): EdgeListener {
  if (listener !== undefined) return listeners.get(listener) ?? closedListener
  const all = [...listeners.values()]
  return all.find(({ spec }) => (port === undefined ? !spec.internal : spec.port === port)) ?? closedListener
}

function explanationOf(exchange: ImaginedExchange, record: RequestRecord, steps: readonly Step[]): Explanation {
  const forwarding = exchange.forwarded
  return {
    steps,
    version: record.version,
    reason: record.reason,
    rule: record.rule,
    service: record.service,
    poolVersion: record.poolVersion,
    document: record.document,
    clientAddress: record.clientAddress,
    forwards: forwarding && { target: forwarding.target, host: forwarding.authority },
    status: exchange.answered?.status,
    edgeCode: record.edgeCode,
    setsPin: record.pinOut === 'set',
  }
}

class ImaginedExchange implements Exchange {
  readonly connection: Connection
  readonly request: RequestHead
  answered: EdgeAnswer | undefined
  forwarded: Forwarding | undefined

  constructor(input: ExplainInput, localPort: number) {
    this.request = new ImaginedRequest(input)
    this.connection = {
      listener: undefined,
      remoteAddress: input.ip,
      remotePort: 0,
      localAddress: '127.0.0.1',
      localPort,
      encrypted: input.url.startsWith('https:'),
      memo: undefined,
    }
  }

  answer(answer: EdgeAnswer, onFinish: Parameters<Exchange['answer']>[1]): void {
    this.answered = answer
    onFinish({ ...nothingHappened, status: answer.status })
  }

  /** Nobody waits for an imagined answer. */
  hold(_afterMs: number, then: () => void): void {
    then()
  }

  watchEnds(): void {}

  endGently(): void {}

  forward(forwarding: Forwarding): void {
    this.forwarded = forwarding
    forwarding.onAnswer(new ImaginedAnswer())
    forwarding.onFinish(nothingHappened)
  }
}

/** Head over a plain list: what the engine does on bytes, done on strings. */
class ListedHead extends FieldList implements Head {
  constructor(fields: readonly (readonly [name: string, value: string])[]) {
    super(fields.map(([name, value]) => [name.toLowerCase(), value.trim()]))
  }

  override get(name: string): string | undefined {
    const lines = this.lines(name)
    return lines.length === 0 ? undefined : lines.join(name === 'cookie' ? '; ' : ', ')
  }

  lines(name: string): readonly string[] {
    return this.sentLines(name)
  }

  has(name: string): boolean {
    return this.fields.some((field) => field[0] === name)
  }

  entries(): readonly (readonly [name: string, value: string])[] {
    return this.fields
  }

  repeatedNames(): readonly string[] {
    const names = this.fields.map((field) => field[0])
    return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))]
  }

  lowerCaseNames(): void {}

  /** What is taken out for the upstream alone is never looked at here. */
  removeSpellings(): void {}
}

class ImaginedRequest extends ListedHead implements RequestHead {
  readonly method: string
  readonly target: string
  readonly authority: string
  readonly minorVersion = 1
  readonly scheme = ''
  readonly websocket = false
  readonly hasBody = false
  readonly repeats = false

  constructor(input: ExplainInput) {
    super(input.headers)
    this.method = input.method
    const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(input.url)
    this.authority = this.get('host') ?? absolute?.[1] ?? 'localhost'
    const target = absolute === null ? input.url : (absolute[2] as string)
    this.target = target.startsWith('/') || target === '*' ? target : `/${target}`
  }

  repeatChanges(): boolean {
    return false
  }
}

class ImaginedAnswer extends ListedHead implements ResponseHead {
  readonly status = 200

  constructor() {
    super([['content-type', 'text/html']])
  }
}
