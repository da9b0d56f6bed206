// The only place where parts are wired: configuration in, a running gateway out. One snapshot is in force at a time; a reload compiles
// a new one beside it and swaps by one assignment, or changes nothing and says why.

import { randomBytes as systemRandomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { createKeyRing, type KeyRing } from './affinity/key-ring.ts'
import type { Configuration } from './config/configuration.ts'
import { formatProblem, loadConfiguration, type Problem } from './config/load.ts'
import { compileConfiguration, type Snapshot } from './config/snapshot.ts'
import { watchConfiguration } from './config/watch.ts'
import { type AccessLog, createAccessLog } from './observe/access-log.ts'
import { createMetrics, type Metrics } from './observe/metrics.ts'
import type { Observer, RequestRecord } from './observe/record.ts'
import { closedListener, compileEdge, type Edge, type ListenerSpec } from './proxy/edge.ts'
import { edgeAnswer, errorOfRefusal } from './proxy/edge-answers.ts'
import { Endpoints } from './proxy/endpoints.ts'
import type { ExchangeHandler } from './proxy/exchange.ts'
import { explainRequest, type ExplainInput, type Explanation } from './proxy/explain.ts'
import { handleRequest } from './proxy/handle-request.ts'
import { createHttp1Server, type Http1Server } from './proxy/http1/server.ts'
import { Upstreams } from './proxy/http1/upstreams.ts'
import { startProbing } from './proxy/probe.ts'
import { type LookUp, Resolver } from './proxy/resolve.ts'

export interface GatewayOptions {
  /** Path of routes.yaml. */
  readonly configPath: string
  /** Further observers of finished requests; see src/observe/record.ts. */
  readonly observers?: readonly Observer[]
  /** Lines for people: what was reloaded, what was refused. Default: nothing. */
  readonly log?: (line: string) => void
  /** Follow changes of the files (default), or reload only when asked. */
  readonly watch?: boolean
  /** Seconds since 1970. */
  readonly nowSeconds?: () => number
  readonly randomBytes?: (size: number) => Uint8Array
  readonly lookUp?: LookUp
}

export interface ListenerInfo {
  readonly name: string
  readonly address: string
  /** The port that is bound: the kernel's choice where the configuration says 0. */
  readonly port: number
  readonly internal: boolean
}

export interface ReloadResult {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly ok: boolean
  /** False when the content was the one in force already. */
  readonly changed: boolean
  readonly snapshot: string
  readonly problems: readonly Problem[]
}

export type GatewayState = 'starting' | 'ready' | 'draining' | 'closed'

export interface Gateway {
  readonly state: GatewayState
  readonly metrics: Metrics
  listeners(): readonly ListenerInfo[]
  configuration(): Configuration
  lastReload(): ReloadResult
  reload(): Promise<ReloadResult>
  explain(input: ExplainInput): Explanation
  /** Opens the access log anew, after a rotation. */
  reopenLog(): void
  /** Announces the end (readyz 503), waits `delayMs`, stops listening, lets open requests end until `deadlineMs`, closes. */
  drain(options: { readonly delayMs: number; readonly deadlineMs: number }): Promise<void>
  /** Closes at once. */
  close(): Promise<void>
}

/** A configuration that cannot be put to use; `problems` says where and why. */
export class ConfigurationError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}

/** Loads, compiles, binds and serves. Rejects with ConfigurationError, or with the error of a port that cannot be bound. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(options)
  await gateway.start()
  return gateway
}

interface Compiled {
  readonly snapshot: Snapshot | undefined
  readonly problems: readonly Problem[]
  readonly files: readonly string[]
}

class RunningGateway implements Gateway {
  state: GatewayState = 'starting'
  readonly metrics: Metrics
  readonly #options: GatewayOptions
  readonly #log: (line: string) => void
  readonly #nowSeconds: () => number
  readonly #randomBytes: (size: number) => Uint8Array
  readonly #instance: string
  readonly #endpoints = new Endpoints(() => performance.now())
  readonly #resolver: Resolver
  readonly #keyRings = new Map<string, KeyRing>()
  readonly #bound = new Map<string, ListenerInfo>()
  #snapshot!: Snapshot
  #edge!: Edge
  #server!: Http1Server<string>
  #upstreams!: Upstreams
  #accessLog: AccessLog | undefined
  #lastReload!: ReloadResult
  #reloading: Promise<unknown> = Promise.resolve()
  #stopProbing: (() => void) | undefined
  #watcher: ReturnType<typeof watchConfiguration> | undefined

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#log = options.log ?? (() => {})
    this.#nowSeconds = options.nowSeconds ?? (() => Math.floor(Date.now() / 1000))
    this.#randomBytes = options.randomBytes ?? systemRandomBytes
    this.#instance = Buffer.from(this.#randomBytes(4)).toString('hex')
    this.#resolver = new Resolver(this.#endpoints, options.lookUp)
    this.metrics = createMetrics({ build: packageVersion() })
  }

  async start(): Promise<void> {
    const { snapshot, problems } = await this.#compile()
    if (snapshot === undefined) throw new ConfigurationError(problems)
    const { configuration } = snapshot
    this.#upstreams = new Upstreams(configuration.limits)
    this.#server = createHttp1Server({
      handler: this.#handler(),
      upstreams: this.#upstreams,
      limits: configuration.limits,
    })
    try {
      await this.#apply(snapshot)
    } catch (error) {
      await this.close()
      throw error
    }
    this.#lastReload = { at: Date.now(), ok: true, changed: true, snapshot: snapshot.id, problems }
    this.metrics.watch({
      openConnections: () => this.#server.openConnections,
      activeRequests: () => this.#server.activeRequests,
    })
    this.#stopProbing = startProbing(this.#endpoints)
    if (this.#options.watch !== false) this.#watch()
    this.state = 'ready'
  }

  // --- requests ----------------------------------------------------------------------------------------------------------------

  #handler(): ExchangeHandler<string> {
    const around = {
      endpoints: this.#endpoints,
      observe: this.#observer(),
      nowSeconds: this.#nowSeconds,
      randomBytes: this.#randomBytes,
    }
    return {
      handle: (exchange) => {
        const edge = this.#edge
        handleRequest(around, edge, edge.listeners.get(exchange.connection.listener) ?? closedListener, exchange)
      },
      refuse: (_connection, refusal) => {
        const error = errorOfRefusal(refusal)
        this.metrics.refused(error.code)
        return edgeAnswer(error, undefined)
      },
    }
  }

  #observer(): Observer {
    const further = this.#options.observers ?? []
    return (record: RequestRecord) => {
      this.metrics.observe(record)
      this.#accessLog?.observe(record)
      for (const observe of further) observe(record)
    }
  }

  // --- configurations ----------------------------------------------------------------------------------------------------------

  /** `files` are all that were asked for: also of a configuration that cannot be used, since mending one of them may mend it. */
  async #compile(): Promise<Compiled> {
    const loaded = await loadConfiguration(this.#options.configPath)
    if (!('configuration' in loaded)) return { snapshot: undefined, ...loaded }
    const { configuration, problems } = loaded
    const compiled = compileConfiguration(configuration)
    if (!('snapshot' in compiled))
      return { snapshot: undefined, problems: compiled.problems, files: configuration.files }
    return { snapshot: compiled.snapshot, problems, files: configuration.files }
  }

  /** Puts a snapshot to use: everything that can fail comes before the swap, which is one assignment. */
  async #apply(snapshot: Snapshot): Promise<void> {
    const { configuration } = snapshot
    const edge = compileEdge({
      id: snapshot.id,
      table: snapshot.table,
      trust: configuration.trust,
      targetMode: configuration.path,
      listeners: nameListeners(configuration.listen),
      keysOf: (release) => this.#keyRing(release, configuration),
      endpoints: this.#endpoints,
      instance: this.#instance,
    })
    await this.#resolver.fill(edge.pools)
    const accessLog = this.#accessLogFor(configuration)
    await this.#bindNew(edge)

    this.#snapshot = snapshot
    this.#edge = edge

    this.metrics.configured(snapshot.table, snapshot.id)
    this.#switchLog(accessLog)
    this.#server.limits = configuration.limits
    this.#upstreams.limits = configuration.limits
    this.#unbindOld(edge)
    this.#resolver.keepFresh(edge.pools)
    const inUse = new Set(edge.pools.flatMap((pool) => pool.list))
    for (const endpoint of this.#endpoints.retain(inUse)) this.#upstreams.retire(endpoint.key)
  }

  #accessLogFor({ accessLog }: Configuration): AccessLog {
    const inForce = this.#snapshot?.configuration.accessLog.path
    return this.#accessLog !== undefined && accessLog.path === inForce ? this.#accessLog : createAccessLog(accessLog)
  }

  #switchLog(next: AccessLog): void {
    const old = this.#accessLog
    this.#accessLog = next
    if (old !== next) void old?.close()
  }

  /** The random ring of a release without keys outlives reloads: otherwise each one would forget every pin. */
  #keyRing(release: string, configuration: Configuration): KeyRing {
    const keys = configuration.keys.get(release) ?? []
    const known = this.#keyRings.get(release)
    if (keys.length === 0 && known?.random === true) return known
    const ring = createKeyRing(
      keys.map((key) => key.secret),
      this.#randomBytes,
    )
    this.#keyRings.set(release, ring)
    return ring
  }

  async #bindNew(edge: Edge): Promise<void> {
    const fresh: string[] = []
    try {
      for (const [name, { spec }] of edge.listeners) {
        if (this.#bound.has(name)) continue
        const { port } = await this.#server.listen(name, { address: spec.address, port: spec.port })
        this.#bound.set(name, { name, address: spec.address, port, internal: spec.internal })
        fresh.push(name)
      }
    } catch (error) {
      for (const name of fresh) this.#unbind(name)
      throw error
    }
  }

  #unbindOld(edge: Edge): void {
    for (const name of this.#bound.keys()) if (!edge.listeners.has(name)) this.#unbind(name)
  }

  #unbind(name: string): void {
    const bound = this.#bound.get(name)
    if (bound !== undefined) this.#server.unlisten(bound.port)
    this.#bound.delete(name)
  }

  #watch(): void {
    this.#watcher = watchConfiguration({
      files: this.#snapshot.configuration.files,
      onChange: () => void this.reload(),
    })
  }

  /** One at a time; a bad configuration changes nothing. */
  reload(): Promise<ReloadResult> {
    const next = this.#reloading.then(() => this.#reload())
    this.#reloading = next
    return next
  }

  async #reload(): Promise<ReloadResult> {
    const { snapshot, problems, files } = await this.#compile()
    this.#watcher?.update(files)
    const changed = snapshot !== undefined && snapshot.id !== this.#snapshot.id
    let failed = snapshot === undefined ? problems : undefined
    if (changed) {
      try {
        await this.#apply(snapshot)
      } catch (error) {
        failed = [problemOf(error, this.#options.configPath)]
      }
    }
    return this.#reloaded({
      ok: failed === undefined,
      changed: changed && failed === undefined,
      problems: failed ?? problems,
    })
  }

  #reloaded(result: Pick<ReloadResult, 'ok' | 'changed' | 'problems'>): ReloadResult {
    const snapshot = this.#snapshot.id
    this.#lastReload = { at: Date.now(), snapshot, ...result }
    if (result.changed || !result.ok) this.metrics.reloaded(result.ok)
    if (result.changed) this.#log(`configuration ${snapshot} is in force`)
    if (!result.ok) {
      this.#log(`configuration refused, ${snapshot} stays in force`)
      for (const problem of result.problems) this.#log(formatProblem(problem))
    }
    return this.#lastReload
  }

  // --- views -------------------------------------------------------------------------------------------------------------------

  listeners(): readonly ListenerInfo[] {
    return [...this.#bound.values()]
  }

  configuration(): Configuration {
    return this.#snapshot.configuration
  }

  lastReload(): ReloadResult {
    return this.#lastReload
  }

  explain(input: ExplainInput): Explanation {
    const edge = this.#edge
    const listener = [...edge.listeners.values()].find(({ spec }) => !spec.internal) ?? closedListener
    const context = {
      edge,
      listener,
      endpoints: this.#endpoints,
      nowSeconds: this.#nowSeconds,
      randomBytes: this.#randomBytes,
    }
    return explainRequest(context, input)
  }

  reopenLog(): void {
    void this.#accessLog?.reopen()
  }

  // --- the end -----------------------------------------------------------------------------------------------------------------

  async drain({ delayMs, deadlineMs }: { readonly delayMs: number; readonly deadlineMs: number }): Promise<void> {
    this.state = 'draining'
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    this.#server.drain()
    await this.#end(deadlineMs)
  }

  async close(): Promise<void> {
    this.state = 'draining'
    await this.#end(0)
  }

  async #end(deadlineMs: number): Promise<void> {
    this.#watcher?.close()
    this.#stopProbing?.()
    this.#resolver.close()
    await this.#server.close(deadlineMs)
    this.#upstreams.close()
    await this.#accessLog?.close()
    this.metrics.close()
    this.state = 'closed'
  }
}

/** `8080`, or with an address `127.0.0.1-8080`; ports that the kernel chooses are told apart by a number. */
function nameListeners(listen: Configuration['listen']): ListenerSpec[] {
  const taken = new Map<string, number>()
  return listen.map((spec) => {
    const name = `${spec.address.replaceAll(':', '_')}-${spec.port}`
    const count = (taken.get(name) ?? 0) + 1
    taken.set(name, count)
    return { ...spec, name: count === 1 ? name : `${name}-${count}` }
  })
}

function problemOf(error: unknown, file: string): Problem {
  const message = error instanceof Error ? error.message : String(error)
  return { file, line: 1, column: 1, severity: 'error', code: 'apply', message }
}

function packageVersion(): string {
  return (createRequire(import.meta.url)('../package.json') as { version: string }).version
}
