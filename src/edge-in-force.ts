// The configuration in force as requests meet it: compiled beside the old one and swapped by one assignment, with what outlives a swap:
// health, resolved names, random secrets. Opens no port.

import type { Configuration } from './config/configuration.ts'
import { keyRingOf } from './config/pins.ts'
import type { Snapshot } from './config/snapshot.ts'
import { isTrustedPeer } from './affinity/client-address.ts'
import type { PoolFigures } from './observe/families.ts'
import { type LearnedVersions, learnVersions, settlingOf, writtenAt } from './learned-versions.ts'
import { parseAddress } from './rules/address.ts'
import { compileEdge, type Edge, type ListenerSpec } from './proxy/edge.ts'
import type { Endpoints, EndpointState } from './proxy/endpoints.ts'
import { explainRequest, type ExplainInput, type Explanation } from './proxy/explain.ts'
import { HealthChecks } from './proxy/health-checks.ts'
import { type MirrorOutcome, Mirrors } from './proxy/mirrors.ts'
import { LongConnections } from './proxy/long-connections.ts'
import { startProbing } from './proxy/probe.ts'
import { type LookUp, Resolver } from './proxy/resolve.ts'
import { type TlsFailure, ticketKeyBytes } from './proxy/tls/termination.ts'
import type { UpstreamTrust } from './proxy/tls/upstream-trust.ts'

/** Drawn once in the life of a gateway; all processes of one gateway have the same. */
export interface Secrets {
  /** Names the gateway in Via, for loops. */
  readonly instance: string
  /** 32 bytes that sign the pins of releases without keys. They outlive reloads: otherwise each one would forget every pin. */
  readonly pinKey: Uint8Array
  /** By which TLS sessions are resumed, whichever process answers. */
  readonly ticketKeys: Uint8Array
}

export function drawSecrets(randomBytes: (size: number) => Uint8Array): Secrets {
  return {
    instance: Buffer.from(randomBytes(4)).toString('hex'),
    pinKey: randomBytes(32),
    ticketKeys: randomBytes(ticketKeyBytes),
  }
}

export interface EdgeInForceOptions {
  readonly endpoints: Endpoints
  readonly secrets: Secrets
  /** Seconds since 1970. */
  readonly nowSeconds: () => number
  readonly randomBytes: (size: number) => Uint8Array
  readonly lookUp: LookUp | undefined
  /** For each release; see EdgeSource. */
  readonly pinsRemembered?: number
  /** A TLS connection ended before its first byte of HTTP. */
  readonly onTlsFailure?: (failure: TlsFailure) => void
  /** A copy of a request is done with. */
  readonly onMirrored?: (outcome: MirrorOutcome) => void
  /** In use no more: the configuration, or the name server, does not tell this endpoint any longer. */
  readonly onUnused?: (endpoint: EndpointState) => void
}

export class EdgeInForce {
  readonly endpoints: Endpoints
  readonly mirrors: Mirrors
  readonly longConnections = new LongConnections()
  readonly #options: EdgeInForceOptions
  readonly #resolver: Resolver
  #snapshot: Snapshot | undefined
  #edge!: Edge
  #learned: LearnedVersions | undefined
  readonly #learnedBy = new WeakMap<Edge, LearnedVersions>()
  /** Its endpoints are kept: it may be the next one in force. */
  #prepared: Edge | undefined
  #isPreparing = false
  #stopProbing: (() => void) | undefined
  #healthChecks: HealthChecks | undefined

  constructor(options: EdgeInForceOptions) {
    this.#options = options
    this.endpoints = options.endpoints
    this.mirrors = new Mirrors(options.onMirrored)
    this.#resolver = new Resolver(options.lookUp)
  }

  /** Is this peer a proxy that speaks for others? */
  trusts(address: string): boolean {
    const peer = parseAddress(address)
    return peer !== undefined && isTrustedPeer(peer, this.#edge.trust)
  }

  /** Undefined before the first commit. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot
  }

  get edge(): Edge {
    return this.#edge
  }

  /**
   * Compiles and resolves; changes nothing. Rejects on a header value that cannot be compiled, and on keys that cannot be used.
   * @param learned what the process that reads the configuration knows of its versions; by default this one is it
   */
  async prepare(snapshot: Snapshot, learned: LearnedVersions = this.#learn(snapshot.configuration)): Promise<Edge> {
    this.#isPreparing = true
    try {
      const edge = this.#compile(snapshot, learned)
      await this.#resolver.fill(edge.pools)
      return (this.#prepared = edge)
    } finally {
      this.#isPreparing = false
    }
  }

  #compile({ id, table, mesh, configuration }: Snapshot, learned: LearnedVersions): Edge {
    const edge = compileEdge({
      id,
      table,
      trust: configuration.trust,
      targetMode: configuration.path,
      mesh,
      listeners: nameListeners(configuration.listen),
      keysOf: (release) => keyRingOf(configuration, release, () => this.#options.secrets.pinKey),
      settlingOf: ({ spec }) => settlingOf(learned, spec),
      endpoints: this.endpoints,
      pinsRemembered: this.#options.pinsRemembered,
      instance: this.#options.secrets.instance,
      tls: { ticketKeys: this.#options.secrets.ticketKeys, onFailure: this.#options.onTlsFailure ?? (() => {}) },
    })
    this.#learnedBy.set(edge, learned)
    return edge
  }

  /** The swap. */
  commit(snapshot: Snapshot, edge: Edge): void {
    this.#snapshot = snapshot
    this.#edge = edge
    this.#prepared = undefined
    this.longConnections.switched(edge.table.releases)
    this.#learned = this.#learnedBy.get(edge)
    this.#resolver.keepFresh(edge.pools, () => this.#followAddresses())
    this.#followAddresses()
  }

  /** The configuration in force may be another, or its names lead elsewhere. */
  #followAddresses(): void {
    this.#healthChecks?.follow(this.#edge)
    this.#dropUnused()
  }

  /** Names may change their addresses for weeks without a reload: who is gone must be neither probed nor told to be out for ever. */
  #dropUnused(): void {
    if (this.#isPreparing) return
    const pools = [...this.#edge.pools, ...(this.#prepared?.pools ?? [])]
    for (const endpoint of this.endpoints.retain(new Set(pools.flatMap((pool) => pool.list)))) {
      this.mirrors.retire(endpoint.key)
      this.#options.onUnused?.(endpoint)
    }
  }

  /** What was known of versions when this was prepared: for other processes of the same gateway. */
  learnedBy(edge: Edge): LearnedVersions {
    return this.#learnedBy.get(edge) ?? new Map()
  }

  /** Asks endpoints that are out whether they are back, and those with a health check whether they are well, until `close`. */
  startProbing(trust?: UpstreamTrust): void {
    this.#stopProbing ??= startProbing(this.endpoints, trust)
    this.#healthChecks ??= new HealthChecks(this.endpoints, trust)
    this.#healthChecks.follow(this.#edge)
  }

  explain(input: ExplainInput): Explanation {
    const edge = this.#edge
    const { endpoints, nowSeconds, randomBytes } = this.#options
    return explainRequest({ edge, endpoints, nowSeconds, randomBytes }, input)
  }

  /** Of the configuration in force: how many endpoints of each pool are in balancing, and how many out. */
  poolFigures(): PoolFigures[] {
    return this.#edge.pools.map(({ pool: { release, service, owner }, list }) => {
      const out = list.reduce((sum, { outSince }) => sum + (outSince >= 0 ? 1 : 0), 0)
      return { release, service, version: owner, in: list.length - out, out }
    })
  }

  close(): void {
    this.#stopProbing?.()
    this.#healthChecks?.close()
    this.#resolver.close()
    this.mirrors.close()
  }

  #learn({ file, releases }: Configuration): LearnedVersions {
    const now = this.#options.nowSeconds()
    return learnVersions(this.#learned, releases, this.#learned === undefined ? writtenAt(file, now) : now)
  }
}

/** `8080`, or with an address `127.0.0.1-8080`; ports that the kernel chooses are told apart by a number. */
export function nameListeners(listen: Configuration['listen']): ListenerSpec[] {
  const taken = new Map<string, number>()
  return listen.map((spec) => {
    const name = spec.name ?? `${spec.address.replaceAll(':', '_')}-${spec.port}`
    const count = (taken.get(name) ?? 0) + 1
    taken.set(name, count)
    return { ...spec, name: count === 1 ? name : `${name}-${count}` }
  })
}
