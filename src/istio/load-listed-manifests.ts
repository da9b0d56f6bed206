// routes.yaml that names Istio's manifests: they say the routes, it says the ports, the hops that are trusted, limits and the log. Never
// throws on what a file holds.

import { dirname, isAbsolute, join } from 'node:path'
import type { Configuration, ListenSpec } from '../config/configuration.ts'
import { complain, type Draft, type Surroundings } from '../config/draft.ts'
import { listenSpecs, trustSpec } from '../config/listeners.ts'
import { accessLogSpec, limitsSpec } from '../config/load.ts'
import { overloadSpec } from '../config/overload.ts'
import type { Problem } from '../config/problem.ts'
import { readBySchema } from '../config/read-by-schema.ts'
import { type ManifestsDocument, manifestsDocument } from '../config/schema-manifests.ts'
import { Sources } from '../config/sources.ts'
import { isEmpty, readYaml } from '../config/yaml-tree.ts'
import type { MeshListenerSpec } from '../rules/mesh-types.ts'
import type { Place } from '../rules/types.ts'
import { byPlace, loadMesh, type ManifestLoad, type ManifestSurroundings } from './load-mesh.ts'
import type { ManifestOptions } from './manifest-options.ts'
import type { Caller } from './sidecar-listeners.ts'
import type { Translation } from './translate.ts'

type ListenerText = ManifestsDocument['listen'][number]

export async function loadListedManifests(
  path: string,
  options: ManifestOptions,
  around: ManifestSurroundings,
): Promise<ManifestLoad> {
  const problems: Problem[] = []
  const sources = new Sources(path, (problem) => void problems.push(problem), around.read)
  const failed = (refused: ReadonlySet<string> = new Set()): ManifestLoad => {
    return { loaded: { problems: problems.toSorted(byPlace), files: sources.files }, refused }
  }
  const isFailed = (): boolean => problems.some(({ severity }) => severity === 'error')

  refuseOptions(path, options, problems)
  const draft = await readDraft(sources, around, problems)
  if (draft === undefined || isFailed()) return failed()
  const { document } = draft
  const listen = await listenSpecs(draft)
  const settings = {
    trust: trustSpec(draft),
    limits: limitsSpec(draft),
    overload: overloadSpec(draft),
    accessLog: accessLogSpec(path, draft),
  }
  checkPurposes(draft)
  if (isFailed()) return failed()

  const named = namedIn(path, draft)
  const callers = document.listen.filter(({ internal }) => internal).map((listener) => callerOf(draft, listener))
  const { translation, refused } = await loadMesh(named, { sources, callers, options, around, problems })
  if (translation === undefined) return failed(refused)
  const faults = problems.length
  const served = serve(draft, listen, translation)
  if (problems.slice(faults).some(({ severity }) => severity === 'error')) return failed(refused)

  const { hops } = settings.trust
  const configuration: Configuration = {
    file: path,
    text: (await sources.configuration())?.text ?? '',
    hash: sources.digest(),
    listen: served,
    ...settings,
    path: 'strict',
    releases: [],
    keys: new Map(),
    tests: new Map(),
    files: sources.files,
    mesh: hops === undefined ? translation.mesh : { ...translation.mesh, trustedHops: hops },
  }
  return { loaded: { configuration, problems: problems.toSorted(byPlace) }, refused }
}

/** The manifests that such a file names, and where; none when it cannot be read. */
export async function listedManifests(path: string, around: ManifestSurroundings): Promise<readonly NamedManifest[]> {
  const problems: Problem[] = []
  const sources = new Sources(path, (problem) => void problems.push(problem), around.read)
  const draft = await readDraft(sources, around, problems)
  return draft === undefined || !Array.isArray(draft.document.istio) ? [] : namedIn(path, draft)
}

export interface NamedManifest {
  readonly path: string
  readonly asker: Place
}

/** Paths are relative to the file that names them. */
function namedIn(path: string, { document, origins }: Draft<ManifestsDocument>): readonly NamedManifest[] {
  return document.istio.map((file, index) => ({
    path: isAbsolute(file) ? file : join(dirname(path), file),
    asker: origins.place(document.istio, index),
  }))
}

// --- the document ----------------------------------------------------------------------------------------------------------------------

function refuseOptions(path: string, { ports, internal }: ManifestOptions, problems: Problem[]): void {
  if ((ports?.size ?? 0) + (internal?.length ?? 0) === 0) return
  const message = 'the ports stand under listen here: --port and --internal are for manifests without a routes.yaml'
  problems.push({ file: path, line: 1, column: 1, severity: 'error', code: 'listen', message })
}

async function readDraft(
  sources: Sources,
  around: ManifestSurroundings,
  problems: Problem[],
): Promise<Draft<ManifestsDocument> | undefined> {
  const report = (problem: Problem): void => void problems.push(problem)
  const source = await sources.configuration()
  const trees = source && readYaml(source, report)
  if (trees === undefined) return undefined
  const [tree, second] = trees.filter((one) => !isEmpty(one))
  if (tree === undefined) return undefined
  if (second !== undefined) {
    const message = 'a second document: a file with istio serves manifests alone, without releases'
    report({ ...second.place, severity: 'error', code: 'value', message })
    return undefined
  }
  const { value, origins } = readBySchema(manifestsDocument, tree, report)
  const surroundings: Surroundings = { env: process.env, anyAddress: around.anyAddress }
  return { document: value as unknown as ManifestsDocument, origins, sources, surroundings, report }
}

/** Keys that mean something for the other kind of listener only. */
function checkPurposes(draft: Draft<ManifestsDocument>): void {
  for (const listener of draft.document.listen) {
    const { internal, gateway, servicePort, sourceNamespace } = listener
    for (const [key, value] of Object.entries(internal ? { gateway } : { servicePort, sourceNamespace })) {
      const whose = internal ? 'without' : 'with'
      if (value !== undefined)
        complain(draft, listener, key, 'value', `${key} is for listeners ${whose} internal: true`)
    }
    const [wanted, name] = internal ? [servicePort, 'servicePort: 80'] : [gateway, 'gateway: 80']
    if (listener.port === 0 && wanted === undefined) {
      complain(draft, listener, 'port', 'value', `port 0 is any free one: say which it stands for, as in ${name}`)
    }
  }
}

function callerOf({ origins }: Draft<ManifestsDocument>, listener: ListenerText): Caller {
  const { port, servicePort = port, sourceNamespace = 'default', sourceLabels = new Map() } = listener
  return { namespace: sourceNamespace, labels: sourceLabels, port: servicePort, place: origins.place(listener) }
}

// --- ports -------------------------------------------------------------------------------------------------------------------------------

/** Each listener with the routes that it serves. Reports those for which there are none, and servers that none serves. */
function serve(
  draft: Draft<ManifestsDocument>,
  listen: readonly ListenSpec[],
  { mesh, sidecars }: Translation,
): readonly ListenSpec[] {
  const gateways = mesh.listeners.filter(({ kind }) => kind === 'gateway')
  const unused = new Set(gateways)
  const inside = sidecars.values()
  const served = listen.map((spec, index) => {
    if (spec.internal) return { ...spec, mesh: inside.next().value as MeshListenerSpec }
    const item = draft.document.listen[index] as ListenerText
    const { port, gateway = port } = item
    const found = serverAt(gateways, gateway, spec.address)
    if (found === undefined) {
      complain(draft, item, item.gateway === undefined ? 'port' : 'gateway', 'listen', noServer(gateway, gateways))
      return spec
    }
    unused.delete(found)
    return { ...spec, mesh: found }
  })
  for (const { port, place } of unused) {
    const message = `port ${port} is not served: no listener of ${draft.origins.place(draft.document).file} is for it`
    draft.report({ ...place, severity: 'warning', code: 'not-honoured', message })
  }
  return served
}

/** Of several servers at one port that of this address, else the one that binds all. */
function serverAt(gateways: readonly MeshListenerSpec[], port: number, address: string): MeshListenerSpec | undefined {
  const at = gateways.filter((one) => one.port === port)
  return at.find(({ bind }) => bind === address) ?? at.find(({ bind }) => bind === undefined) ?? at[0]
}

function noServer(port: number, gateways: readonly MeshListenerSpec[]): string {
  const ports = [...new Set(gateways.map((one) => one.port))]
  const hint = ports.length === 0 ? '' : `, but at ${ports.join(', ')}: name one, as in gateway: ${ports[0]}`
  return `no Gateway has an HTTP server at port ${port}${hint}`
}
