// One connection to an endpoint that is spoken to over TLS: the certificate is verified before anything else, and undici speaks HTTP on
// it. Pools, waiting, retries and relaying are the engine's, as on plain connections. Nothing is ever sent before the certificate held.

import { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { Client, type Dispatcher, errors } from 'undici'
import type { BodyFraming } from './http1/outgoing-head.ts'
import { BODY, CONNECTING, ENDED, PooledConnection, TUNNEL } from './http1/pooled-connection.ts'
import { ResponseMessage, parseResponse } from './http1/response-head.ts'
import { type Breakage, isOurFault, isWebsocketAnswer, type LinkPool } from './http1/upstream-link.ts'
import type { SecureEndpoint } from './tls/upstream-trust.ts'
import { requestForUndici } from './undici-request.ts'

/** Request body that waits for undici to write it. */
const BODY_BYTES = 65_536
const EMPTY = Buffer.alloc(0)
const responseHead = new ResponseMessage()

export class HttpsUpstream extends PooledConnection {
  readonly socket: TLSSocket
  readonly #endpoint: SecureEndpoint
  #client: Client | null = null
  #controller: Dispatcher.DispatchController | null = null
  /** The request's body, where not all of it was there at once. */
  #body: Readable | null = null
  #bodyIsFull = false
  /** What undici, or the system, held against the connection. */
  #brokenBy: Breakage = 'reset'

  constructor(pool: LinkPool, endpoint: SecureEndpoint) {
    super(pool)
    this.#endpoint = endpoint
    const { upstreams } = pool
    this.socket = upstreams.trust.connect(endpoint)
    this.socket.on('secureConnect', () => this.#onConnect())
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error))
    this.socket.on('timeout', () => this.breakOff('reset'))
    this.socket.on('close', () => this.#onClose())
    upstreams.deadlines.set(this, pool.connectTimeoutMs)
  }

  // ------------------------------------------------------------------------------------------ the request

  sendRequest(head: string, body: Buffer | null, _chunked: boolean, ended: boolean): void {
    const { options, expectsContinue } = requestForUndici(head)
    if (body !== null) options.body = ended ? body : this.#openBody(body)
    this.#client!.dispatch(options, this.#handler())
    // undici knows no Expect: the client gets its 100 from us (RFC 9110 10.1.1) as soon as there is somebody to send the body to.
    if (expectsContinue && !ended && body?.length === 0) this.#interim('100 Continue', [])
  }

  sendBody(buffer: Buffer, from: number, to: number, _chunked: boolean, ended: boolean): boolean {
    const body = this.#body
    if (body === null) return true
    const room = to === from || body.push(buffer.subarray(from, to))
    if (ended) body.push(null)
    this.#bodyIsFull = !room
    return room
  }

  /** undici may hold on to it until TLS has encrypted it. */
  spend(_buffer: Buffer): void {}

  #openBody(start: Buffer): Readable {
    const body = new Readable({ highWaterMark: BODY_BYTES, read: () => this.#onBodyDrain() })
    body.on('error', ignoreError)
    if (start.length > 0) body.push(start)
    this.#body = body
    return body
  }

  #onBodyDrain(): void {
    if (!this.#bodyIsFull) return
    this.#bodyIsFull = false
    this.user?.onUpstreamDrain()
  }

  // ------------------------------------------------------------------------------------------ the answer

  #handler(): Dispatcher.DispatchHandler {
    return {
      onRequestStart: (controller) => void (this.#controller = controller),
      onResponseStarted: () => void (this.silent = false),
      onRequestUpgrade: (controller, status) => this.#onUpgrade(status, rawFields(controller)),
      onResponseStart: (controller, status, _fields, reason = '') =>
        this.#onHead(controller, `${status} ${latin1(reason)}`, rawFields(controller)),
      onResponseData: (controller, chunk) => {
        if (this.user?.onBody(chunk, 0, chunk.length, false) === false) this.#pause(controller)
      },
      // undici decides on the connection's fate once this has returned; only then can it be told whether it may be used again.
      onResponseEnd: () => process.nextTick(() => this.#onAnswerEnd()),
      onResponseError: (_controller, error) => this.breakOff(breakageOf(error)),
    }
  }

  #onHead(controller: Dispatcher.DispatchController, statusLine: string, fields: readonly Uint8Array[]): void {
    const user = this.user
    if (user === null) return
    if (statusLine.startsWith('1')) {
      if (statusLine.startsWith('101') || !this.#interim(statusLine, fields)) this.breakOff('bad-response')
      return
    }
    const head = this.#read(statusLine, fields)
    if (head === undefined) {
      this.breakOff('bad-response')
      return
    }
    this.state = BODY
    const framing = framingOf(head, user.asksHead)
    this.reusable = head.keepsAlive && framing !== 'until-close'
    if (!user.onHead(head, framing, EMPTY, 0, 0, false)) this.#pause(controller)
  }

  /** Read again from its bytes by our own parser, so that no answer passes here that would not pass on a plain connection. */
  #read(statusLine: string, fields: readonly Uint8Array[]): ResponseMessage | undefined {
    let text = `HTTP/1.1 ${statusLine}\r\n`
    for (let i = 0; i + 1 < fields.length; i += 2) text += `${bytesText(fields[i])}: ${bytesText(fields[i + 1])}\r\n`
    const bytes = Buffer.from(`${text}\r\n`, 'latin1')
    const length = parseResponse(responseHead, bytes, 0, bytes.length, this.pool.upstreams.limits)
    return length === bytes.length ? responseHead : undefined
  }

  #interim(statusLine: string, fields: readonly Uint8Array[]): boolean {
    const head = this.#read(statusLine, fields)
    return head !== undefined && this.user !== null && this.user.onInterim(head)
  }

  #pause(controller: Dispatcher.DispatchController): void {
    this.paused = true
    controller.pause()
  }

  #onAnswerEnd(): void {
    if (this.state !== BODY) return
    this.state = ENDED
    this.user?.onBody(EMPTY, 0, 0, true)
  }

  #onUpgrade(status: number, fields: readonly Uint8Array[]): void {
    const { socket } = this
    const user = this.user
    const head = this.#read(`${status} Switching Protocols`, fields)
    if (user === null || status !== 101 || head === undefined || !user.asksWebsocket || !isWebsocketAnswer(head)) {
      this.breakOff('bad-response')
      return
    }
    this.state = TUNNEL
    socket.on('data', (bytes: Buffer) => {
      if (this.user?.onTunnelData(bytes, 0, bytes.length) !== false) return
      this.paused = true
      socket.pause()
    })
    socket.on('end', () => this.user?.onTunnelEnd())
    socket.on('drain', () => this.user?.onUpstreamDrain())
    if (user.onHead(head, 'tunnel', EMPTY, 0, 0, false)) return
    this.paused = true
    socket.pause()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    if (this.state === TUNNEL) this.socket.resume()
    else this.#controller?.resume()
  }

  // ------------------------------------------------------------------------------------------ the connection

  protected override rest(): number {
    this.letGo()
    this.paused = false
    return this.pool.idleTimeoutMs
  }

  protected override letGo(): void {
    this.#controller = null
    this.#body = null
  }

  #onConnect(): void {
    if (!this.becomeConnected()) return
    this.#client = this.#speakOn(this.socket)
    this.pool.connected()
    this.user?.onConnected()
  }

  /** An undici client of this one connection: when it has gone, there is no other. */
  #speakOn(socket: TLSSocket): Client {
    const { limits } = this.pool.upstreams
    let given = false
    // `http:`, since TLS is spoken below it. With `https:` undici would change connections whenever the Host field changes.
    return new Client('http://upstream', {
      connect: (_options, done) => {
        const again = given
        given = true
        // Later, since undici asks in the middle of its own work, and would not look for what to send after an answer at once.
        process.nextTick(() => (again ? done(new Error('a connection is used to its end'), null) : done(null, socket)))
      },
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: limits.headBytes,
      // Waiting is limited by the engine. undici only learns when the server says that it closes earlier (Keep-Alive).
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: this.pool.idleTimeoutMs + 60_000,
    })
  }

  #onError(error: NodeJS.ErrnoException): void {
    // Not left to undici, which takes a reset for the end of a body that lasts as long as its connection.
    if (this.state === BODY) this.breakOff(breakageOf(error))
    else if (this.state !== CONNECTING) this.#brokenBy = breakageOf(error)
    else if (isOurFault(error.code)) this.breakOff('exhausted')
    else {
      this.pool.upstreams.trust.noteFailure(this.#endpoint, error)
      this.breakOff('refused')
    }
  }

  #onClose(): void {
    // undici has the last word on an answer that ends with its connection; it hears of the end before we do.
    process.nextTick(() => {
      if (this.state !== ENDED) this.breakOff(this.#brokenBy)
      else this.retire()
    })
  }
}

function framingOf(head: ResponseMessage, asksHead: boolean): BodyFraming {
  if (asksHead || head.status === 204 || head.status === 304) return 'none'
  if (head.chunked) return 'chunked'
  return head.contentLength === -1 ? 'until-close' : 'length'
}

/** What undici took for no HTTP, apart from connections that break. */
const notHttp = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_INVALID_ARG'])

function breakageOf(error: NodeJS.ErrnoException): Breakage {
  const { code = '', message } = error
  if (error instanceof errors.HTTPParserError || notHttp.has(code)) return 'bad-response'
  // `bad response`, `bad upgrade`: answers that nobody asked for.
  return code === 'UND_ERR_SOCKET' && message.startsWith('bad ') ? 'bad-response' : 'reset'
}

/** Names and values in turn, as they came. */
function rawFields(controller: Dispatcher.DispatchController): readonly Uint8Array[] {
  return controller.rawHeaders as Buffer[]
}

function bytesText(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** The bytes of a text that undici read as UTF-8, one character each. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

function ignoreError(): void {
  // The connection it belonged to is gone, which is told elsewhere.
}
