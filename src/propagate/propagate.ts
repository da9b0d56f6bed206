// graylane/propagate: for Node services behind the edge. A service hands on the version it was asked in (x-version) to the services it
// calls, and says which version it is (x-served-version). Needs no package, and never makes a version up.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { ClientRequest, IncomingMessage, RequestListener, RequestOptions, ServerResponse } from 'node:http'
import { type HeaderFields, withField } from './header-fields.ts'

export interface PropagationOptions {
  /** The version that this service is: answered as x-served-version. Left out, nothing is said. */
  readonly served?: string
  /** `pin.header` of routes.yaml; default x-version. */
  readonly header?: string
}

export interface Propagation {
  /** The version that the request under way was asked in; undefined outside of one, or when it named none. */
  readonly asked: string | undefined
  /** Fields for a call by other means: `{ 'x-version': 'v2' }`, or none. */
  fields(): Readonly<Record<string, string>>
  /** Runs `work` as if a request had asked in that version: for jobs, queues and timers. */
  run<T>(version: string | undefined, work: () => T): T

  /** For node:http and https servers: `createServer(propagation.listener(handler))`. */
  listener(handler: RequestListener): RequestListener
  /** For fastify: `app.register(propagation.fastify)`. */
  readonly fastify: (app: FastifyApp, options: unknown, done: () => void) => void

  /** Global fetch, with the version. */
  readonly fetch: typeof globalThis.fetch
  /** For undici: `new Agent().compose(propagation.interceptor)`. */
  readonly interceptor: <D extends Dispatch>(dispatch: D) => D
  /** For node:http and https clients: `const { request, get } = propagation.client(http)`. */
  client<C extends HttpClient>(client: C): Pick<C, 'request' | 'get'>
}

const servedHeader = 'x-served-version'

export function propagateVersion(options: PropagationOptions = {}): Propagation {
  return new VersionPropagation(options)
}

class VersionPropagation implements Propagation {
  readonly #storage = new AsyncLocalStorage<string | undefined>()
  readonly #served: string | undefined
  readonly #header: string

  constructor({ served, header = 'x-version' }: PropagationOptions) {
    this.#served = served
    this.#header = header.toLowerCase()
  }

  get asked(): string | undefined {
    return this.#storage.getStore()
  }

  fields(): Readonly<Record<string, string>> {
    const { asked } = this
    return asked === undefined ? {} : { [this.#header]: asked }
  }

  run<T>(version: string | undefined, work: () => T): T {
    return this.#storage.run(version, work)
  }

  // --- servers -------------------------------------------------------------------------------------------------------------------

  listener(handler: RequestListener): RequestListener {
    return (request, response) => {
      if (this.#served !== undefined) response.setHeader(servedHeader, this.#served)
      this.#enter(request, response, () => handler(request, response))
    }
  }

  readonly fastify = Object.assign(
    (app: FastifyApp, _options: unknown, done: () => void): void => {
      app.addHook('onRequest', (request, reply, next) => this.#enter(request.raw, reply.raw, next))
      app.addHook('onSend', (_request, reply, payload, next) => {
        // A gateway of the service's own may have brought the field of another service along.
        if (this.#served !== undefined) reply.header(servedHeader, this.#served)
        next(null, payload)
      })
      done()
    },
    // For the whole app, not only for what is registered inside of this plugin (fastify-plugin does the same).
    { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: 'graylane-propagate' },
  )

  /** Bodies arrive in events of the connection, which know nothing of the request: they are brought into it. */
  #enter(request: IncomingMessage, response: ServerResponse, work: () => void): void {
    const asked = request.headers[this.#header]
    const version = typeof asked === 'string' && asked !== '' ? asked : undefined
    for (const emitter of [request, response]) {
      const emit = emitter.emit.bind(emitter) as (...event: readonly unknown[]) => boolean
      emitter.emit = (...event: readonly unknown[]) => this.#storage.run(version, () => emit(...event))
    }
    this.#storage.run(version, work)
  }

  // --- clients -------------------------------------------------------------------------------------------------------------------

  readonly fetch: typeof globalThis.fetch = (input, init) => {
    const { asked } = this
    if (asked === undefined) return globalThis.fetch(input, init)
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
    if (!headers.has(this.#header)) headers.set(this.#header, asked)
    return globalThis.fetch(input, { ...init, headers })
  }

  readonly interceptor = <D extends Dispatch>(dispatch: D): D =>
    ((call: DispatchedCall, handler: object) => {
      const { asked } = this
      return dispatch(
        asked === undefined ? call : { ...call, headers: withField(call.headers, this.#header, asked) },
        this.#within(asked, handler),
      )
    }) as D

  /** What comes of a call arrives in events of the connection, which know of the request that opened it: there a call is sent again. */
  #within(asked: string | undefined, handler: object): object {
    return new Proxy(handler, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...event: readonly unknown[]) => this.#storage.run(asked, () => value.apply(target, event) as unknown)
      },
    })
  }

  client<C extends HttpClient>(client: C): Pick<C, 'request' | 'get'> {
    const request = (...given: readonly unknown[]): ClientRequest => {
      const call = (client.request as (...given: readonly unknown[]) => ClientRequest)(...given)
      const { asked } = this
      if (asked !== undefined && !call.headersSent && !call.hasHeader(this.#header)) call.setHeader(this.#header, asked)
      return call
    }
    const get = (...given: readonly unknown[]): ClientRequest => {
      const call = request(...given)
      call.end()
      return call
    }
    return { request, get } as Pick<C, 'request' | 'get'>
  }
}

// --- what others look like, as far as it matters here: none of them has to be installed -------------------------------------------------

interface HttpClient {
  request(options: RequestOptions | string | URL, ...rest: never[]): ClientRequest
  get(options: RequestOptions | string | URL, ...rest: never[]): ClientRequest
}

interface DispatchedCall {
  readonly headers?: HeaderFields
}

// oxlint-disable-next-line typescript/no-explicit-any -- undici's own types differ between its versions
type Dispatch = (call: any, handler: any) => boolean

interface FastifyApp {
  addHook(name: 'onRequest', hook: (request: RawRequest, reply: RawReply, next: () => void) => void): unknown
  addHook(
    name: 'onSend',
    hook: (
      request: RawRequest,
      reply: RawReply,
      payload: unknown,
      next: (error: null, payload: unknown) => void,
    ) => void,
  ): unknown
}

interface RawRequest {
  readonly raw: IncomingMessage
}

interface RawReply {
  readonly raw: ServerResponse
  header(name: string, value: string): unknown
}
