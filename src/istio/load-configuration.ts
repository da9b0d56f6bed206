// Manifests as a whole configuration: read, validated, translated, with the ports to bind. Never throws on what a file holds.

import { createHash } from 'node:crypto'
import type { Configuration, ListenSpec } from '../config/configuration.ts'
import { defaultLimits, type Loaded } from '../config/load.ts'
import { defaultOverload } from '../config/overload.ts'
import type { Problem } from '../config/problem.ts'
import { Sources, type ReadFile } from '../config/sources.ts'
import type { MeshListenerSpec, MeshSpec } from '../rules/mesh-types.ts'
import { loadManifests } from './load-manifests.ts'
import type { InternalPort, ManifestOptions } from './manifest-options.ts'
import { accepted, allProblems, type Manifests } from './read-manifests.ts'
import { meshConfigOf } from './read-mesh-config.ts'
import { isRefused, nameOf } from './resource.ts'
import { translate } from './translate.ts'

export interface ManifestSurroundings {
  /** The address that stands for all of them. */
  readonly anyAddress: string
  readonly read?: ReadFile
  /** Names of resources (`VirtualService default/front`) that may be refused without the load failing; undefined for all. */
  readonly mayBeRefused: ReadonlySet<string> | undefined
}

/** Names of the resources that a load left out. */
export interface ManifestLoad {
  readonly loaded: Loaded
  readonly refused: ReadonlySet<string>
}

/** Envoy takes heads of 60 KiB. */
const headBytes = 60 * 1024

export async function loadManifestConfiguration(
  path: string,
  options: ManifestOptions,
  around: ManifestSurroundings,
): Promise<ManifestLoad> {
  const problems: Problem[] = []
  const report = (problem: Problem): void => void problems.push(problem)
  const sources = new Sources(path, report, around.read)
  const manifests = await loadManifests([{ path, asker: { file: path, line: 1, column: 1 } }], sources, report)
  const refused = new Set(manifests.resources.filter(isRefused).map(nameOf))
  const { mayBeRefused } = around
  const fails = problems.some(isError) || manifests.problems.some(isError)
  const isFresh = mayBeRefused !== undefined && [...refused].some((name) => !mayBeRefused.has(name))
  const said = (): Problem[] => [...problems, ...allProblems(manifests)].toSorted(byPlace)
  if (fails || isFresh) return { loaded: { problems: said(), files: sources.files }, refused }

  const files = await pemFiles(manifests, sources)
  const callers = (options.internal ?? []).map(({ namespace, labels, servicePort }) => {
    return { namespace, labels, port: servicePort, place: { file: '--internal', line: 1, column: 1 } }
  })
  const { mesh, sidecars } = translate(manifests, {
    callers,
    pem: (file) => files.get(file),
    report,
    resolve: options.resolve ?? new Map(),
    ...(options.meshConfig === undefined ? {} : { meshConfig: meshConfigOf(options.meshConfig) }),
    ...(options.repeatedHeaders === undefined ? {} : { repeatedHeaders: options.repeatedHeaders }),
  })
  const listen = listenSpecs(mesh, sidecars, options, around.anyAddress)
  if (listen.length === 0) report(nothingToBind(path))
  if (problems.some(isError)) return { loaded: { problems: said(), files: sources.files }, refused }
  sources.mixIntoDigest(fingerprint(options))
  return { loaded: { configuration: configurationOf(path, mesh, listen, sources, options), problems: said() }, refused }
}

function isError({ severity }: Problem): boolean {
  return severity === 'error'
}

function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}

function nothingToBind(path: string): Problem {
  const message = 'no Gateway opens a port, and no --internal port is asked for: nothing would be served'
  return { file: path, line: 1, column: 1, severity: 'error', code: 'listen', message }
}

// --- ports -----------------------------------------------------------------------------------------------------------------------------

const loopback = '127.0.0.1'

function listenSpecs(
  mesh: MeshSpec,
  sidecars: readonly MeshListenerSpec[],
  { ports, internal = [], address }: ManifestOptions,
  anyAddress: string,
): readonly ListenSpec[] {
  const gateways = mesh.listeners
    .filter(({ kind }) => kind === 'gateway')
    .map((listener) => {
      const at = listener.bind ?? address ?? anyAddress
      const name = listener.bind === undefined ? `gateway-${listener.port}` : `gateway-${at}-${listener.port}`
      return listenSpec(listener, name.replaceAll(':', '_'), ports?.get(listener.port) ?? listener.port, at, undefined)
    })
  const inside = sidecars.map((listener, index) => {
    const { port, labels } = internal[index] as InternalPort
    return listenSpec(listener, `internal-${index + 1}`, port, loopback, Object.fromEntries(labels))
  })
  return [...gateways, ...inside]
}

function listenSpec(
  mesh: MeshListenerSpec,
  name: string,
  port: number,
  address: string,
  sourceLabels: ListenSpec['sourceLabels'],
): ListenSpec {
  const internal = mesh.kind === 'sidecar'
  return { name, port, address, internal, from: [], sourceLabels, tls: [], place: mesh.place, mesh }
}

// --- the rest ----------------------------------------------------------------------------------------------------------------------------

function configurationOf(
  path: string,
  mesh: MeshSpec,
  listen: readonly ListenSpec[],
  sources: Sources,
  { accessLog = 'stdout' }: ManifestOptions,
): Configuration {
  return {
    file: path,
    text: '',
    hash: sources.digest(),
    listen,
    trust: { proxies: [], hops: undefined, header: undefined },
    path: 'strict',
    limits: { ...defaultLimits(), headBytes, targetBytes: headBytes },
    overload: defaultOverload,
    accessLog: { path: accessLog, format: 'json' },
    releases: [],
    keys: new Map(),
    tests: new Map(),
    files: sources.files,
    mesh,
  }
}

/** The same manifests under other options are another configuration. */
function fingerprint(options: ManifestOptions): string {
  const text = JSON.stringify(options, (_, value: unknown) => (value instanceof Map ? [...value] : value))
  return createHash('sha256').update(text).digest('hex')
}

/** The files that DestinationRules name for TLS, as text. */
async function pemFiles(manifests: Manifests, sources: Sources): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const { spec } of accepted(manifests, 'DestinationRule')) {
    const policies = [spec.trafficPolicy, ...(spec.subsets ?? []).map((subset) => subset.trafficPolicy)]
    const settings = policies.flatMap((policy) => [
      policy?.tls,
      ...(policy?.portLevelSettings ?? []).map((port) => port.tls),
    ])
    for (const tls of settings) {
      if (tls === undefined || (tls.mode !== 'SIMPLE' && tls.mode !== 'MUTUAL')) continue
      for (const key of ['caCertificates', 'clientCertificate', 'privateKey'] as const) {
        const file = tls[key]
        if (file === undefined || file === '' || files.has(file)) continue
        const bytes = await sources.pem(file, manifests.origins.place(tls, key))
        if (bytes === undefined) continue
        sources.mixIntoDigest(bytes)
        files.set(file, new TextDecoder().decode(bytes))
      }
    }
  }
  return files
}
