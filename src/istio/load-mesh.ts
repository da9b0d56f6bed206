// Manifests to the mesh that they describe: read, validated, translated. What a load of either kind has in common: manifests alone, and
// those that routes.yaml names.

import { createHash } from 'node:crypto'
import type { Loaded } from '../config/load.ts'
import type { Problem } from '../config/problem.ts'
import type { ReadFile, Sources } from '../config/sources.ts'
import { refusalOfFiles } from '../config/upstream-files.ts'
import type { Place } from '../rules/types.ts'
import { loadManifests } from './load-manifests.ts'
import type { ManifestOptions } from './manifest-options.ts'
import { accepted, allProblems, type Manifests } from './read-manifests.ts'
import { meshConfigOf } from './read-mesh-config.ts'
import { isRefused, nameOf } from './resource.ts'
import type { Caller } from './sidecar-listeners.ts'
import { type Translation, translate } from './translate.ts'

export interface ManifestSurroundings {
  /** The address that stands for all of them. */
  readonly anyAddress: string
  readonly read?: ReadFile | undefined
  /** Names of resources (`VirtualService default/front`) that may be refused without the load failing; undefined for all. */
  readonly mayBeRefused: ReadonlySet<string> | undefined
}

/** Names of the resources that a load left out. */
export interface ManifestLoad {
  readonly loaded: Loaded
  readonly refused: ReadonlySet<string>
}

interface MeshSource {
  readonly sources: Sources
  readonly callers: readonly Caller[]
  readonly options: ManifestOptions
  readonly around: ManifestSurroundings
  /** Gets all that is found; the sources report there too. */
  readonly problems: Problem[]
}

/** No translation when that cannot be put to use: then the problems say why. `isEmpty`: nothing was there to read. */
export async function loadMesh(
  named: readonly { readonly path: string; readonly asker: Place }[],
  { sources, callers, options, around: { mayBeRefused }, problems }: MeshSource,
): Promise<{
  readonly translation: Translation | undefined
  readonly refused: ReadonlySet<string>
  readonly isEmpty: boolean
}> {
  const report = (problem: Problem): void => void problems.push(problem)
  const manifests = await loadManifests(named, sources, report)
  const refused = new Set(manifests.resources.filter(isRefused).map(nameOf))
  const isEmpty = manifests.resources.length + manifests.others.length === 0
  const fails = problems.some(isError) || manifests.problems.some(isError)
  const isFresh = mayBeRefused !== undefined && [...refused].some((name) => !mayBeRefused.has(name))
  // Of a resource that may be left out the errors are told, and are none of the load.
  const told = allProblems(manifests)
  if (fails || isFresh) {
    problems.push(...told)
    return { translation: undefined, refused, isEmpty }
  }
  const files = await pemFiles(manifests, sources, report)
  const translation = translate(manifests, {
    callers,
    pem: (file) => files.get(file),
    report,
    resolve: options.resolve ?? new Map(),
    ...(options.meshConfig === undefined ? {} : { meshConfig: meshConfigOf(options.meshConfig) }),
    ...(options.repeatedHeaders === undefined ? {} : { repeatedHeaders: options.repeatedHeaders }),
  })
  const isSound = !problems.some(isError)
  problems.push(...told)
  sources.mixIntoDigest(fingerprint(options))
  return { translation: isSound ? translation : undefined, refused, isEmpty }
}

function isError({ severity }: Problem): boolean {
  return severity === 'error'
}

export function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}

/** The same manifests under other options are another configuration. */
function fingerprint(options: ManifestOptions): string {
  const text = JSON.stringify(options, (_, value: unknown) => (value instanceof Map ? [...value] : value))
  return createHash('sha256').update(text).digest('hex')
}

/** The files that DestinationRules name for TLS, as text. */
async function pemFiles(
  manifests: Manifests,
  sources: Sources,
  report: (problem: Problem) => void,
): Promise<ReadonlyMap<string, string>> {
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
      const textOf = (file: string | undefined): string | undefined => files.get(file ?? '')
      const { caCertificates, clientCertificate, privateKey } = tls
      const refusal = refusalOfFiles({
        caCertificates: textOf(caCertificates),
        ...(tls.mode === 'MUTUAL' && { clientCertificate: textOf(clientCertificate), privateKey: textOf(privateKey) }),
      })
      if (refusal === undefined) continue
      const message = `${tls[refusal.key]} ${refusal.why}`
      report({ ...manifests.origins.place(tls, refusal.key), severity: 'error', code: 'certificate', message })
    }
  }
  return files
}
