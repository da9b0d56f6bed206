// Manifests as a whole configuration: read, validated, translated, with the ports to bind. Never throws on what a file holds.

import type { Configuration, ListenSpec } from '../config/configuration.ts'
import { defaultLimits } from '../config/load.ts'
import { defaultOverload } from '../config/overload.ts'
import type { Problem } from '../config/problem.ts'
import { manifestHeadBytes } from '../config/schema-manifests.ts'
import { Sources } from '../config/sources.ts'
import type { MeshListenerSpec, MeshSpec } from '../rules/mesh-types.ts'
import { noManifest } from './load-manifests.ts'
import { byPlace, loadMesh, type ManifestLoad, type ManifestSurroundings } from './load-mesh.ts'
import type { InternalPort, ManifestOptions } from './manifest-options.ts'
import type { Translation } from './translate.ts'

export async function loadManifestConfiguration(
  path: string,
  options: ManifestOptions,
  around: ManifestSurroundings,
): Promise<ManifestLoad> {
  const problems: Problem[] = []
  const sources = new Sources(path, (problem) => void problems.push(problem), around.read)
  const callers = (options.internal ?? []).map(({ namespace, labels, servicePort }) => {
    return { namespace, labels, port: servicePort, place: { file: '--internal', line: 1, column: 1 } }
  })
  const named = [{ path, asker: { file: path, line: 1, column: 1 } }]
  const { translation, refused, isEmpty } = await loadMesh(named, { sources, callers, options, around, problems })
  const listen = translation === undefined ? [] : listenSpecs(translation, options, around.anyAddress)
  if (translation !== undefined && listen.length === 0) problems.push(isEmpty ? noManifest(named) : nothingToBind(path))
  if (translation !== undefined) problems.push(...portsOfNobody(path, translation, options))
  problems.sort(byPlace)
  if (translation === undefined || listen.length === 0) return { loaded: { problems, files: sources.files }, refused }
  const configuration = configurationOf(path, translation.mesh, listen, sources, options)
  return { loaded: { configuration, problems }, refused }
}

function nothingToBind(path: string): Problem {
  const message = 'no Gateway opens a port, and no --internal port is asked for: nothing would be served'
  return { file: path, line: 1, column: 1, severity: 'error', code: 'listen', message }
}

/** `--port FROM=TO` for servers that are not there: FROM is bound by nobody, and what is bound may not be what was wanted. */
function portsOfNobody(
  path: string,
  { mesh }: Translation,
  { ports = new Map() }: ManifestOptions,
): readonly Problem[] {
  const known = new Set(mesh.listeners.flatMap(({ kind, port }) => (kind === 'gateway' ? [port] : [])))
  return Array.from(ports.keys())
    .filter((from) => !known.has(from))
    .map((from) => {
      const message = `--port ${from}=${ports.get(from)}: no Gateway has a server at port ${from}, but at ${[...known].join(', ') || 'none'}`
      return { file: path, line: 1, column: 1, severity: 'warning', code: 'listen', message }
    })
}

// --- ports -----------------------------------------------------------------------------------------------------------------------------

const loopback = '127.0.0.1'

function listenSpecs(
  { mesh, sidecars }: Translation,
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
    limits: { ...defaultLimits(), headBytes: manifestHeadBytes, targetBytes: manifestHeadBytes },
    overload: defaultOverload,
    accessLog: { path: accessLog, format: 'json' },
    releases: [],
    keys: new Map(),
    tests: new Map(),
    files: sources.files,
    mesh,
  }
}
