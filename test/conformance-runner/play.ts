// Plays a case: backends, a gateway on its manifests, every request in order, each answer against its verdict.

import { createGateway, type Gateway, type InternalPort } from '../../src/gateway.ts'
import { loadManifests } from '../../src/istio/load-manifests.ts'
import type { Manifests } from '../../src/istio/read-manifests.ts'
import { isRefused } from '../../src/istio/resource.ts'
import { Sources } from '../../src/config/sources.ts'
import { type Backends, type Received, startBackends } from './backends.ts'
import type { Case, CaseRequest, Verdict } from './case.ts'
import { compare, isMirror, type Observed } from './compare.ts'
import { compareDistribution } from './distribution.ts'
import { exchange } from './raw-exchange.ts'
import { sharesFor } from './weights.ts'

export interface Played {
  readonly id: string
  /** Empty: as Envoy. */
  readonly differences: readonly string[]
}

/** A resource that is accepted or refused against Istio's word comes as `resource Kind namespace/name`. */
export interface PlayedCase {
  readonly name: string
  readonly requests: readonly Played[]
  readonly resources: readonly Played[]
}

const mirrorLimitMs = 1000

export async function play(of: Case): Promise<PlayedCase> {
  const manifests = await readManifests(of.manifests)
  const resources = compareResources(of, manifests)
  if (!of.envoyAccepted) return { name: of.name, requests: [], resources }
  const backends = await startBackends(of.endpoints)
  let gateway: Gateway | undefined
  try {
    const callers = callersOf(of.requests)
    gateway = await startGateway(of, backends, callers, manifests)
    const requests: Played[] = []
    for (const request of of.requests) {
      const verdict = of.verdicts.get(request.id)
      if (verdict === undefined) continue
      const port = portOf(gateway, request, callers)
      requests.push({ id: request.id, differences: await playRequest(of, manifests, request, verdict, port, backends) })
    }
    return { name: of.name, requests, resources }
  } finally {
    await gateway?.close()
    await backends.close()
  }
}

async function readManifests(path: string): Promise<Manifests> {
  const sources = new Sources(path, () => undefined)
  return loadManifests([{ path, asker: { file: path, line: 1, column: 1 } }], sources, () => undefined)
}

function compareResources(of: Case, { resources }: Manifests): readonly Played[] {
  return of.resources.map(({ kind, namespace, name, accepted }) => {
    const found = resources.find(
      (one) => one.kind === kind && one.metadata.namespace === namespace && one.metadata.name === name,
    )
    // What only Envoy refuses, Istio has accepted.
    const ours =
      found !== undefined && !found.problems.some(({ severity, code }) => severity === 'error' && code !== 'envoy')
    const id = `resource ${kind} ${namespace}/${name}`
    if (ours === accepted) return { id, differences: [] }
    const why = found?.problems.map(({ message }) => message).join('; ') ?? 'not read'
    return { id, differences: [`accepted: ${ours}, Istio ${accepted} (${why})`] }
  })
}

// --- the gateway -------------------------------------------------------------------------------------------------------------------------

interface Caller extends InternalPort {
  readonly key: string
}

function callersOf(requests: readonly CaseRequest[]): readonly Caller[] {
  const callers = new Map<string, Caller>()
  for (const request of requests) {
    if (request.via !== 'mesh') continue
    const labels = new Map(Object.entries(request.sourceLabels ?? {}))
    const namespace = request.sourceNamespace ?? 'default'
    callers.set(callerKey(request), { key: callerKey(request), port: 0, servicePort: request.port, namespace, labels })
  }
  return [...callers.values()]
}

function callerKey({ port, sourceLabels = {}, sourceNamespace = 'default' }: CaseRequest): string {
  return JSON.stringify([port, sourceNamespace, Object.entries(sourceLabels).toSorted()])
}

/** Undefined when the manifests open no port at all. */
async function startGateway(
  of: Case,
  { resolve }: Backends,
  callers: readonly Caller[],
  { resources }: Manifests,
): Promise<Gateway> {
  const servers = resources.flatMap((resource) =>
    resource.kind === 'Gateway' && !isRefused(resource) ? (resource.spec.servers ?? []) : [],
  )
  const joins = of.runtimeFlags['envoy.reloadable_features.match_headers_individually'] === false
  return createGateway({
    configPath: of.manifests,
    watch: false,
    manifests: {
      ports: new Map(servers.map(({ port }) => [port?.number ?? 0, 0])),
      resolve,
      internal: callers,
      address: '127.0.0.1',
      accessLog: 'off',
      meshConfig: of.meshConfig,
      repeatedHeaders: joins ? 'joined' : 'each',
    },
  })
}

function portOf(gateway: Gateway, request: CaseRequest, callers: readonly Caller[]): number | undefined {
  const name =
    request.via === 'gateway'
      ? `gateway-${request.port}`
      : `internal-${callers.findIndex(({ key }) => key === callerKey(request)) + 1}`
  return gateway.listeners().find((listener) => listener.name === name)?.port
}

// --- requests ----------------------------------------------------------------------------------------------------------------------------

async function playRequest(
  of: Case,
  manifests: Manifests,
  request: CaseRequest,
  verdict: Verdict,
  port: number | undefined,
  backends: Backends,
): Promise<readonly string[]> {
  if (port === undefined) return verdict.outcome === 'no-listener' ? [] : ['nothing listens on that port']
  if (verdict.outcome === 'no-listener') return [`port ${port} is open, with Envoy it is not`]
  const address = request.sourceAddress ?? of.clientAddress
  try {
    backends.take()
    if (verdict.outcome !== 'repeated') {
      const answer = await exchange(port, address, request)
      const received = await withMirrors(backends, verdict.mirrors?.length ?? 0)
      return compare(of, request, verdict, { answer, received })
    }
    const observed: Observed[] = []
    for (let i = 0; i < (request.repeat ?? 1); i++) {
      observed.push({ answer: await exchange(port, address, request), received: backends.take() })
    }
    const sent = observed.flatMap(({ received }) => received).filter(isMirror).length
    const counts = Object.values(verdict.mirrorDistribution ?? {})
    const late = await withMirrors(backends, counts.reduce((sum, count) => sum + count, 0) - sent)
    const all = [...observed, { answer: observed[0]!.answer, received: late }]
    return compareDistribution(of, request, verdict, observed, all, sharesFor(of, manifests, verdict))
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

/** What was received, once as many shadow requests are among it as are to come: nobody waits for them but we. */
async function withMirrors(backends: Backends, expected: number): Promise<readonly Received[]> {
  const first = backends.take()
  const missing = expected - first.filter(isMirror).length
  if (missing > 0) await backends.wait(missing, mirrorLimitMs)
  return [...first, ...backends.take()]
}
