// The only place where parts are wired: configuration in, a running gateway out. One snapshot is in force at a time; a reload compiles
// a new one beside it and swaps by one assignment, or changes nothing and says why.

import { randomBytes as systemRandomBytes } from 'node:crypto'
import { type BoundPort, BoundPorts } from './bound-ports.ts'
import type { Configuration } from './config/configuration.ts'
import { createLoader, type ManifestOptions } from './any-configuration.ts'
import type { Problem } from './config/load.ts'
import { createReloader } from './config/reload.ts'
import type { Snapshot } from './config/snapshot.ts'
import { coarseSeconds } from './coarse-clock.ts'
import { drawSecrets, EdgeInForce } from './edge-in-force.ts'
import { type Log, tellNotReopened } from './gateway-event.ts'
import { type AccessLog, createAccessLog } from './observe/access-log.ts'
import { createMetrics, type Metrics } from './observe/metrics.ts'
import type { Observer, RequestRecord } from './observe/record.ts'
import { logFailsAt } from './log-failure.ts'
import { OverloadWatch, type Pressure } from './overload-watch.ts'
import { reportTraffic } from './observe/traffic-reports.ts'
import { TrafficRing } from './observe/traffic-ring.ts'
import { Admission } from './proxy/admission.ts'
import { packageVersion } from './package-version.ts'
import { closedListener, type Edge } from './proxy/edge.ts'
import { Endpoints } from './proxy/endpoints.ts'
import type { ExchangeHandler } from './proxy/exchange.ts'
import type { ExplainInput, Explanation } from './proxy/explain.ts'
import { handleRequest } from './proxy/handle-request.ts'
import { createHttp1Server, type Http1Server } from './proxy/http1/server.ts'
import { Upstreams } from './proxy/http1/upstreams.ts'
import { answerRefusal } from './proxy/refusals.ts'
import type { LookUp } from './proxy/resolve.ts'
import { isSecure, UpstreamTrust } from './proxy/tls/upstream-trust.ts'
import { type ReloadResult, Reloads } from './reloads.ts'
import type { ConfigurationSource, WorkerContext } from './worker-context.ts'

export { FollowingEndpoints, type HealthSign, LeadingEndpoints, type OutEndpoint } from './proxy/shared-health.ts'
export type { InternalPort, ManifestOptions } from './any-configuration.ts'
export { packageVersion } from './package-version.ts'
export { ConfigurationError, type ReloadResult } from './reloads.ts'
export type { ConfigurationSource, WorkerContext } from './worker-context.ts'

export interface GatewayOptions {
  /** Path of routes.yaml, or of Istio's manifests: a file or a directory. */
  readonly configPath: string
  /** For manifests: ports, addresses, callers. */
  readonly manifests?: ManifestOptions | undefined
  /** Further observers of finished requests; see src/observe/record.ts. */
  readonly observers?: readonly Observer[]
  /** Lines for people, and as events for programs: what was reloaded, what was refused. Default: nothing. */
  readonly log?: Log
  /** Follow changes of the files (default), or reload only when asked. */
  readonly watch?: boolean
  /** Seconds since 1970. */
  readonly nowSeconds?: () => number
  readonly randomBytes?: (size: number) => Uint8Array
  readonly lookUp?: LookUp
  /** How hard it is pressed; by default this process is asked. */
  readonly pressure?: () => Pressure
  /** What this gateway has in common with those that serve the same ports beside it; without it, it stands alone. */
  readonly worker?: WorkerContext
}

export interface ListenerInfo extends BoundPort {
  readonly internal: boolean
  /** HTTPS. */
  readonly secure: boolean
}

export type GatewayState = 'starting' | 'ready' | 'draining' | 'closed'

export interface Gateway {
  readonly state: GatewayState
  readonly metrics: Metrics
  /** The last minutes, second by second; empty in a worker, whose primary has them. */
  readonly traffic: TrafficRing
  listeners(): readonly ListenerInfo[]
  configuration(): Configuration
  lastReload(): ReloadResult
  readonly reloads: Pick<Reloads, 'history'>
  /** Keys of endpoints that are out of balancing. */
  endpointsOut(): readonly string[]
  reload(): Promise<ReloadResult>
  explain(input: ExplainInput): Explanation
  /** Opens the access log anew, after a rotation. */
  reopenLog(): void
  /** Announces the end (readyz 503), waits `delayMs`, stops listening, lets open requests end until `deadlineMs`, closes. */
  drain(options: { readonly delayMs: number; readonly deadlineMs: number }): Promise<void>
  /** Closes at once. */
  close(): Promise<void>
}

/** A gateway whose reload is in two steps, so that several can take them together. */
export interface PhasedGateway extends Gateway {
  /** Does everything that can fail: loads, compiles, resolves, binds. Changes nothing that requests see. */
  prepare(source: ConfigurationSource): Promise<PreparedReload | { readonly problems: readonly Problem[] }>
}

/** Exactly one of the two is called, at once or later. */
export interface PreparedReload {
  readonly snapshot: string
  /** Puts it in force. */
  readonly commit: () => void
  readonly abandon: () => void
}

/** Loads, compiles, binds and serves. Rejects with ConfigurationError, or with the error of a port that cannot be bound. */
export async function createGateway(options: GatewayOptions): Promise<PhasedGateway> {
  const gateway = new RunningGateway(options)
  await gateway.start()
  return gateway
}

/** All that a snapshot needs to be in force. */
interface Prepared {
  readonly snapshot: Snapshot
  readonly edge: Edge
  readonly accessLog: AccessLog
  /** Names of listeners that are new. */
  readonly bound: readonly string[]
}

class RunningGateway implements PhasedGateway {
  state: GatewayState = 'starting'
  readonly metrics: Metrics
  readonly traffic = new TrafficRing()
  readonly #options: GatewayOptions
  readonly #nowSeconds: () => number
  readonly #randomBytes: (size: number) => Uint8Array
  readonly #inForce: EdgeInForce
  readonly reloads: Reloads
  readonly #admission = new Admission()
  #overload!: OverloadWatch
  #server!: Http1Server<string>
  #ports!: BoundPorts
  #upstreams!: Upstreams
  #accessLog: AccessLog | undefined
  #stopReports: (() => void) | undefined

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#nowSeconds = options.nowSeconds ?? coarseSeconds()
    this.#randomBytes = options.randomBytes ?? systemRandomBytes
    this.metrics = createMetrics({ build: packageVersion() })
    this.#inForce = new EdgeInForce({
      endpoints: options.worker?.endpoints ?? new Endpoints(() => performance.now()),
      secrets: options.worker?.secrets ?? drawSecrets(this.#randomBytes),
      nowSeconds: this.#nowSeconds,
      randomBytes: this.#randomBytes,
      lookUp: options.lookUp,
      onTlsFailure: (failure) => this.metrics.tlsFailed(failure),
      onMirrored: (outcome) => this.metrics.mirrored(outcome),
      onUnused: ({ key }) => this.#upstreams.retire(key),
    })
    this.reloads = new Reloads({
      path: options.configPath,
      load: options.worker?.load ?? createLoader(options.manifests),
      apply: (snapshot) => this.#apply(snapshot),
      log: options.log ?? (() => {}),
      count: (ok, changed) => this.metrics.reloaded(ok, changed),
    })
  }

  async start(): Promise<void> {
    try {
      await this.reloads.start()
    } catch (error) {
      await this.close()
      throw error
    }
    this.metrics.watch({
      openConnections: () => this.#server.openConnections,
      activeRequests: () => this.#server.activeRequests,
      overloadRung: () => this.#overload.rung,
      longConnections: () => this.#inForce.longConnections.counts(),
      lostLogLines: () => this.#accessLog?.lostLines() ?? 0,
      pools: () => this.#inForce.poolFigures(),
    })
    const report = this.#options.worker?.onTraffic ?? ((traffic) => this.traffic.add(this, traffic))
    this.#stopReports = reportTraffic(this.metrics.traffic, report)
    if (this.#options.worker === undefined) this.#inForce.startProbing(this.#upstreams.trust)
    if (this.#options.watch !== false) await this.reloads.watch()
    this.state = 'ready'
  }

  // --- requests ----------------------------------------------------------------------------------------------------------------

  #handler(): ExchangeHandler<string> {
    const inForce = this.#inForce
    const around = {
      endpoints: inForce.endpoints,
      observe: this.#observer(),
      onSocket: (record: RequestRecord) => this.metrics.traffic.socketOpened(record),
      nowSeconds: this.#nowSeconds,
      randomBytes: this.#randomBytes,
      random: Math.random,
      mirrors: inForce.mirrors,
      admission: this.#admission,
      longConnections: inForce.longConnections,
    }
    return {
      handle: (exchange) => {
        const { edge } = inForce
        handleRequest(around, edge, edge.listeners.get(exchange.connection.listener) ?? closedListener, exchange)
      },
      refuse: ({ listener }, refusal, underWay) => {
        const { code, answer } = answerRefusal(inForce.edge.listeners.get(listener), refusal)
        if (!underWay) this.metrics.refused(code)
        return answer
      },
    }
  }

  #observer(): Observer {
    const further = this.#options.observers ?? []
    return (record: RequestRecord) => {
      this.metrics.observe(record)
      this.#accessLog?.observe(record)
      for (let i = 0; i < further.length; i++) further[i]!(record)
    }
  }

  // --- configurations ----------------------------------------------------------------------------------------------------------

  /** Puts a snapshot to use: everything that can fail comes before the swap, which is one assignment. */
  async #apply(snapshot: Snapshot): Promise<void> {
    this.#commit(await this.#prepare(snapshot, this.#options.worker))
  }

  async #prepare(snapshot: Snapshot, source?: ConfigurationSource): Promise<Prepared> {
    const { configuration } = snapshot
    const edge = await this.#inForce.prepare(snapshot, source?.learned)
    this.#startEngine(configuration)
    if (edge.pools.some((pool) => pool.list.some(isSecure))) this.#upstreams.trust.prepare()
    const accessLog = this.#accessLogFor(configuration)
    try {
      // Requests come as soon as the first port is bound; the commit that follows finds nothing left to do.
      if (this.#inForce.snapshot === undefined) this.#commit({ snapshot, edge, accessLog, bound: [] })
      return { snapshot, edge, accessLog, bound: await this.#ports.bindNew(edge, source?.ports) }
    } catch (error) {
      this.#dropLog(accessLog)
      throw error
    }
  }

  /** Needs a configuration's limits, but no more of it. */
  #startEngine({ limits }: Configuration): void {
    if (this.#server !== undefined) return
    this.#upstreams = new Upstreams(limits, new UpstreamTrust(this.#options.log))
    this.#inForce.mirrors.trust = this.#upstreams.trust
    this.#server = createHttp1Server({ handler: this.#handler(), upstreams: this.#upstreams, limits })
    this.#ports = new BoundPorts(this.#server, this.#inForce)
    this.#server.countsAlone = (address) => !this.#inForce.trusts(address)
    this.#overload = new OverloadWatch(this.#server, this.#admission, this.metrics.overloaded, this.#options.pressure)
  }

  #commit({ snapshot, edge, accessLog }: Prepared): void {
    this.#inForce.commit(snapshot, edge)
    this.metrics.configured(
      snapshot.table,
      snapshot.id,
      edge.pools.map(({ pool }) => pool),
    )
    this.metrics.presented([...edge.listeners.values()].map(({ spec }) => spec))
    this.#switchLog(accessLog)
    this.#overload.configure(snapshot.configuration)
    this.#upstreams.limits = snapshot.configuration.limits
    this.#ports.unbindOld(edge)
  }

  #abandon({ bound, accessLog }: Prepared): void {
    this.#ports.unbind(bound)
    this.#dropLog(accessLog)
  }

  async prepare(source: ConfigurationSource): Promise<PreparedReload | { readonly problems: readonly Problem[] }> {
    let prepared: Prepared | undefined
    const { problems } = await createReloader({
      path: this.#options.configPath,
      load: source.load,
      apply: async (snapshot) => void (prepared = await this.#prepare(snapshot, source)),
    }).reload()
    if (prepared === undefined) return { problems }
    const ready = prepared
    return { snapshot: ready.snapshot.id, commit: () => this.#commit(ready), abandon: () => this.#abandon(ready) }
  }

  #accessLogFor({ accessLog }: Configuration): AccessLog {
    const { path, format } = accessLog
    const inForce = this.#inForce.snapshot?.configuration.accessLog
    if (this.#accessLog !== undefined && path === inForce?.path && format === inForce.format) return this.#accessLog
    try {
      return createAccessLog({ path, format, standardOutput: this.#options.worker?.standardOutput })
    } catch (error) {
      throw logFailsAt(accessLog, error)
    }
  }

  #dropLog(log: AccessLog): void {
    if (log !== this.#accessLog) void log.close()
  }

  #switchLog(next: AccessLog): void {
    const old = this.#accessLog
    this.#accessLog = next
    if (old !== next) void old?.close()
  }

  reload(): Promise<ReloadResult> {
    return this.reloads.reload()
  }

  // --- views -------------------------------------------------------------------------------------------------------------------

  listeners(): readonly ListenerInfo[] {
    return this.#ports.list().map((bound) => {
      const { spec, termination } = this.#inForce.edge.listeners.get(bound.name) ?? closedListener
      return { ...bound, internal: spec.internal, secure: termination !== undefined }
    })
  }

  configuration(): Configuration {
    return this.#inForce.snapshot!.configuration
  }

  lastReload(): ReloadResult {
    return this.reloads.last
  }

  endpointsOut(): readonly string[] {
    return this.#inForce.endpoints.out().map(({ key }) => key)
  }

  explain(input: ExplainInput): Explanation {
    return this.#inForce.explain(input)
  }

  reopenLog(): void {
    void this.#accessLog?.reopen().then((error) => tellNotReopened(this.#options.log, error))
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
    this.reloads.close()
    this.#overload?.close()
    await this.#server?.close(deadlineMs)
    // Behind the last request: until then it is asked who is well, and copies are on their way.
    this.#inForce.close()
    this.#upstreams?.close()
    await this.#accessLog?.close()
    this.metrics.close()
    this.#stopReports?.()
    this.state = 'closed'
  }
}
