// What came against what Envoy did: everything the corpus's README says to compare, each difference as a sentence.

import type { Received } from './backends.ts'
import type { Case, CaseRequest, Pair, Reached, Verdict } from './case.ts'
import type { RawAnswer } from './raw-exchange.ts'

/** Everything that one request led to. */
export interface Observed {
  readonly answer: RawAnswer
  /** What the backends got, retries and mirrors included. */
  readonly received: readonly Received[]
}

/** Not compared: made up, or what the proxy says for itself. */
const upstreamLeftOut = /^(?:x-request-id|x-envoy-.*|x-forwarded-proto|connection|content-length|transfer-encoding)$/
const responseLeftOut = /^(?:date|server|content-length|transfer-encoding|connection|keep-alive|x-envoy-.*)$/
/** We promise it, though it is one of Envoy's own. */
const promised = new Set(['x-envoy-external-address'])

/** Empty when it is the same. */
export function compare(of: Case, request: CaseRequest, verdict: Verdict, observed: Observed): readonly string[] {
  const differences: string[] = []
  const same = (what: string, ours: unknown, theirs: unknown): void => {
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
      differences.push(`${what}: ${JSON.stringify(ours)}, Envoy ${JSON.stringify(theirs)}`)
    }
  }
  const { answer } = observed
  const { main, mirrors } = separate(observed.received)
  same('outcome', outcomeOf(answer, main), verdict.outcome)
  if (differences.length > 0)
    return [`${differences[0]} (status ${answer.status} ${JSON.stringify(answer.body.slice(0, 80))})`]
  if (verdict.outcome === 'closed') return differences
  const reached = main.at(-1)
  const cluster = clusterOf(of, verdict, reached)
  const chosen = verdict.alternatives !== undefined && cluster !== verdict.upstream?.cluster
  if (chosen) {
    // Another of several weighted clusters: what depends on the choice is not compared.
    same('method', reached?.method, verdict.upstream?.method)
    if (cluster !== undefined && !verdict.alternatives!.includes(cluster))
      same('cluster', cluster, verdict.alternatives)
    return differences
  }
  same('status', answer.status, verdict.status)
  same('location', field(answer.headers, 'location'), verdict.location)
  if (verdict.outcome === 'upstream') {
    const theirs = verdict.upstream as Reached
    same('cluster', cluster, theirs.cluster)
    compareReached(of, reached as Received, theirs, same)
    if (verdict.attempts !== undefined) same('attempts', main.length, verdict.attempts)
  }
  const ownAnswer = verdict.outcome === 'direct' || verdict.response?.body !== undefined
  if (ownAnswer && request.method !== 'HEAD') same('body', answer.body, verdict.response?.body ?? '')
  same(
    'response headers',
    comparable(answer.headers, responseLeftOut),
    comparable(verdict.response?.headers, responseLeftOut),
  )
  compareMirrors(of, mirrors, verdict.mirrors ?? [], same)
  if (verdict.elapsedMs !== undefined && answer.elapsedMs < verdict.elapsedMs * 0.5) {
    differences.push(`time: ${Math.round(answer.elapsedMs)} ms, Envoy ${verdict.elapsedMs} ms`)
  }
  return differences
}

function outcomeOf(answer: RawAnswer, main: readonly Received[]): Verdict['outcome'] {
  if (answer.status === 0) return 'closed'
  return main.length > 0 ? 'upstream' : 'direct'
}

/** Shadow requests are told by a field that Envoy sets on them alone; the others are attempts of the request itself. */
export function separate(received: readonly Received[]): {
  readonly main: readonly Received[]
  readonly mirrors: readonly Received[]
} {
  return { main: received.filter((one) => !isMirror(one)), mirrors: received.filter(isMirror) }
}

export function isMirror({ headers }: Received): boolean {
  return headers.some(([name]) => name === 'x-envoy-internal')
}

/** The cluster that was hit, by its endpoint; of several that share it the expected one. */
export function clusterOf(of: Case, verdict: Verdict, reached: Received | undefined): string | undefined {
  if (reached === undefined) return undefined
  const holds = (name: string | undefined): boolean =>
    name !== undefined && of.clusters.get(name)?.includes(reached.endpoint) === true
  const expected = [
    verdict.upstream?.cluster,
    ...(verdict.alternatives ?? []),
    ...Object.keys(verdict.distribution ?? {}),
  ]
  return expected.find(holds) ?? [...of.clusters.keys()].find(holds)
}

function compareReached(
  of: Case,
  ours: Received,
  theirs: Reached,
  same: (what: string, a: unknown, b: unknown) => void,
): void {
  if ((of.clusters.get(theirs.cluster) ?? []).length === 1) same('endpoint', ours.endpoint, theirs.endpoint)
  same('method', ours.method, theirs.method)
  same('path', ours.path, theirs.path)
  same('authority', ours.authority, theirs.authority)
  same('request body', ours.body, theirs.body ?? '')
  const theirHeaders = theirs.headers ?? []
  same('request headers', comparable(ours.headers, upstreamLeftOut), comparable(theirHeaders, upstreamLeftOut))
  for (const name of promised) same(name, field(ours.headers, name), field(theirHeaders, name))
}

function compareMirrors(
  of: Case,
  ours: readonly Received[],
  theirs: readonly Reached[],
  same: (what: string, a: unknown, b: unknown) => void,
): void {
  const known = theirs.map(({ cluster, path, authority }) => ({ cluster, path, authority }))
  const seen = ours.map(({ endpoint, path, authority }) => {
    const expected = theirs.find((mirror) => of.clusters.get(mirror.cluster)?.includes(endpoint))
    return { cluster: expected?.cluster ?? endpoint, path, authority }
  })
  const sorted = <T>(list: readonly T[]): readonly string[] => list.map((one) => JSON.stringify(one)).toSorted()
  same('mirrors', sorted(seen), sorted(known))
}

function field(headers: readonly Pair[], name: string): string | undefined {
  return headers.find((header) => header[0].toLowerCase() === name)?.[1]
}

/** As a multiset of names and values; the values of one name in their order. Made-up parts are alike. */
function comparable(
  headers: readonly Pair[] | undefined,
  leftOut: RegExp,
): Readonly<Record<string, readonly string[]>> {
  const byName = new Map<string, string[]>()
  for (const [name, value] of headers ?? []) {
    const lower = name.toLowerCase()
    if (leftOut.test(lower)) continue
    const values = byName.get(lower) ?? []
    values.push(withoutMadeUp(lower, value))
    byName.set(lower, values)
  }
  return Object.fromEntries([...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** A made-up affinity cookie has a value of its own each time. */
function withoutMadeUp(name: string, value: string): string {
  return name === 'set-cookie' ? value.replace(/^([^=]+=)"(?:<hash>|[0-9a-f]{16})"/, '$1"<hash>"') : value
}
