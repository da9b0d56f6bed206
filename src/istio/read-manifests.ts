// Documents of manifests read as resources, each checked as Istio's own validation checks it. Pure: trees in, resources and what is wrong
// out. A resource with an error takes no part; nothing that Istio would act on is passed over in silence.

import { Origins } from '../config/origins.ts'
import type { Problem } from '../config/problem.ts'
import { entryAt, type YamlNode } from '../config/yaml-tree.ts'
import type { Place } from '../rules/types.ts'
import { findKind, isIstioApi, type KindReading, notHonoured } from './kinds.ts'
import { mapOf, message, string } from './message.ts'
import type { MeshConfig } from './model-mesh-config.ts'
import { podStatus } from './model-kubernetes.ts'
import { readMeshConfig } from './read-mesh-config.ts'
import { readMessage, type Reading } from './read-message.ts'
import type { AnyResource, Kind, Metadata, OtherResource, Resource } from './resource.ts'
import { validate } from './validate.ts'

export interface Manifests {
  /** In the order of the files. Of two with the same kind, namespace and name the last one counts, as with kubectl apply. */
  readonly resources: readonly AnyResource[]
  /** Kinds that are read over. */
  readonly others: readonly OtherResource[]
  readonly meshConfig: MeshConfig
  /** The place of every value of every spec: `origins.place(owner, key)`. */
  readonly origins: Origins
  /** What is wrong, or not honoured, outside of any resource; that of a resource stands in its own `problems`. */
  readonly problems: readonly Problem[]
}

/** Resources of a kind, those that were refused left out. */
export function accepted<K extends Kind>(manifests: Manifests, kind: K): readonly Resource<K>[] {
  return manifests.resources.filter(
    (resource): resource is Extract<AnyResource, Resource<K>> =>
      resource.kind === kind && !resource.problems.some(({ severity }) => severity === 'error'),
  ) as unknown as readonly Resource<K>[]
}

/** Every problem: of documents, and of all resources. */
export function allProblems(manifests: Manifests): readonly Problem[] {
  return toldOnce([...manifests.problems, ...manifests.resources.flatMap(({ problems }) => problems)])
}

/** What is wrong with a value is wrong for each alias that stands for it. */
export function toldOnce<P extends Problem>(problems: readonly P[]): readonly P[] {
  const byText = new Map<string, P>()
  for (const problem of problems) {
    const key = `${problem.file}:${problem.line}:${problem.column} ${problem.code} ${problem.message}`
    if (!byText.has(key)) byText.set(key, problem)
  }
  return [...byText.values()]
}

/** @param documents the trees of all files, in order */
export function readManifests(documents: readonly YamlNode[]): Manifests {
  const reader = new ManifestReader()
  for (const document of documents) reader.document(document)
  return reader.manifests()
}

const metadataShape = message('ObjectMeta', {
  name: string,
  namespace: string,
  labels: mapOf(string),
  annotations: mapOf(string),
  creationTimestamp: string,
})

class ManifestReader {
  readonly #origins = new Origins()
  readonly #problems: Problem[] = []
  readonly #byName = new Map<string, AnyResource>()
  readonly #others: OtherResource[] = []
  #meshConfig: MeshConfig = {}
  #index = 0

  manifests(): Manifests {
    return {
      resources: [...this.#byName.values()].toSorted((a, b) => a.index - b.index),
      others: this.#others,
      meshConfig: this.#meshConfig,
      origins: this.#origins,
      problems: this.#problems,
    }
  }

  document(node: YamlNode): void {
    if (node.kind === 'scalar' && node.text === '' && !node.quoted) return
    const kind = textAt(node, 'kind')
    const apiVersion = textAt(node, 'apiVersion')
    if (kind === undefined || apiVersion === undefined) {
      const found = looksLikeRoutes(node) ? ' (a routes.yaml is named itself, apart from manifests)' : ''
      this.#say('error', node.place, 'document', `this is no resource: apiVersion and kind are wanted${found}`)
      return
    }
    const items = entryAt(node, 'items')?.value
    if (kind.endsWith('List') && items?.kind === 'list') {
      for (const item of items.items) this.document(item)
      return
    }
    const found = findKind(apiVersion, kind)
    if (found === undefined) this.#other(node, apiVersion, kind)
    else this.#resource(node, apiVersion, found)
  }

  #resource(node: YamlNode, apiVersion: string, found: KindReading): void {
    const problems: Problem[] = []
    const reading = this.#reading(problems, isIstioApi(apiVersion))
    const metadata = this.#metadata(node, reading)
    const at = found.beside ? node : entryAt(node, 'spec')?.value
    const body = found.beside ? onlyFields(node, Object.keys(found.shape.fields)) : at
    const spec = readMessage(found.shape, body ?? emptyMap(node.place), found.beside ? '' : 'spec', reading)
    const status = found.kind === 'Pod' ? entryAt(node, 'status')?.value : undefined
    const index = this.#index++
    const resource = {
      kind: found.kind,
      apiVersion,
      metadata,
      spec,
      // A status holds much that nobody asks for, and nobody wrote it.
      status: status && readMessage(podStatus, onlyFields(status, ['podIP', 'phase']), 'status', reading),
      place: node.place,
      namePlace: entryAt(entryAt(node, 'metadata')?.value, 'name')?.value.place ?? node.place,
      index,
      problems,
    } as unknown as AnyResource
    if (!problems.some(({ severity }) => severity === 'error')) problems.push(...validate(resource, this.#origins))
    this.#keep(resource)
  }

  #keep(resource: AnyResource): void {
    const { kind, metadata, namePlace } = resource
    const key = `${kind} ${metadata.namespace}/${metadata.name}`
    const before = this.#byName.get(key)
    if (before !== undefined) {
      const { file, line } = before.place
      this.#say(
        'warning',
        namePlace,
        'duplicate',
        `${key} is there already (${file}:${line}): this one takes its place`,
      )
    }
    this.#byName.set(key, resource)
  }

  #metadata(node: YamlNode, reading: Reading): Metadata {
    const at = entryAt(node, 'metadata')?.value ?? emptyMap(node.place)
    const known = onlyFields(at, Object.keys(metadataShape.fields))
    const { name, namespace, labels, annotations, creationTimestamp } = readMessage(
      metadataShape,
      known,
      'metadata',
      reading,
    )
    if (name === undefined || name === '')
      reading.report('error', at.place, 'metadata', 'metadata.name is missing', 'metadata')
    return {
      name: name ?? '',
      namespace: namespace === undefined || namespace === '' ? 'default' : namespace,
      labels: withoutNulls(labels),
      annotations: withoutNulls(annotations),
      creationTimestamp,
    }
  }

  /** MeshConfig, kinds of Istio that we cannot honour, and all that routing does not depend on. */
  #other(node: YamlNode, apiVersion: string, kind: string): void {
    const metadata = entryAt(node, 'metadata')?.value
    const name = textAt(metadata, 'name') ?? ''
    const namespace = textAt(metadata, 'namespace') ?? 'default'
    this.#others.push({ kind, apiVersion, name, namespace, place: node.place })
    const config = readMeshConfig(node, kind, name, this.#reading(this.#problems))
    if (config !== undefined) this.#meshConfig = { ...this.#meshConfig, ...config }
    const why = notHonoured(apiVersion, kind)
    if (why !== undefined)
      this.#say(why.severity, node.place, 'not-honoured', `${kind} ${namespace}/${name}: ${why.message}`)
  }

  /** @param whole whether the shapes have every field; of Kubernetes' own kinds they have what is needed here */
  #reading(problems: Problem[], whole = true): Reading {
    return {
      origins: this.#origins,
      report: (severity, place, code, text, keyPath) => {
        if (whole || code !== 'unknown-field') problems.push({ ...place, severity, code, message: text, keyPath })
      },
    }
  }

  #say(severity: Problem['severity'], place: Place, code: string, text: string): void {
    this.#problems.push({ ...place, severity, code, message: text })
  }
}

/** Somebody named a folder, or an order, in which a routes.yaml lies. */
function looksLikeRoutes(node: YamlNode): boolean {
  return entryAt(node, 'services') !== undefined || entryAt(node, 'versions') !== undefined
}

function textAt(node: YamlNode | undefined, key: string): string | undefined {
  const value = entryAt(node, key)?.value
  return value?.kind === 'scalar' && value.text !== '' ? value.text : undefined
}

function onlyFields(node: YamlNode, names: readonly string[]): YamlNode {
  if (node.kind !== 'map') return node
  return { ...node, entries: node.entries.filter(({ key }) => names.includes(key)) }
}

function emptyMap(place: Place): YamlNode {
  return { kind: 'map', entries: [], place }
}

function withoutNulls(map: ReadonlyMap<string, string | null> = new Map()): ReadonlyMap<string, string> {
  return new Map([...map].filter((entry): entry is [string, string] => entry[1] !== null))
}
