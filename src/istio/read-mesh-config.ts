// Where a cluster keeps its MeshConfig: in the ConfigMap `istio` (data.mesh, YAML within YAML), or in an IstioOperator's spec.

import { Origins } from '../config/origins.ts'
import { decodeSource } from '../config/source-text.ts'
import { entryAt, readYaml, type YamlEntry, type YamlNode } from '../config/yaml-tree.ts'
import type { Message } from './message.ts'
import { meshConfig, type MeshConfig } from './model-mesh-config.ts'
import { readMessage, type Reading } from './read-message.ts'

/** The pieces that we know of; undefined when this resource holds no MeshConfig. Most of the many others concern no request. */
export function readMeshConfig(node: YamlNode, kind: string, name: string, reading: Reading): MeshConfig | undefined {
  if (kind === 'IstioOperator') return readPieces(at(at(node, 'spec'), 'meshConfig'), reading)
  if (kind === 'MeshConfig') return readPieces(at(node, 'spec') ?? node, reading)
  if (kind !== 'ConfigMap' || name !== 'istio') return undefined
  const mesh = at(at(node, 'data'), 'mesh')
  if (mesh?.kind !== 'scalar') return undefined
  return readPieces(parseInner(mesh.text, mesh.place, reading), reading)
}

/** A piece of MeshConfig given as a value, as tests and tools have it. */
export function meshConfigOf(json: unknown): MeshConfig {
  const place = { file: 'meshConfig', line: 1, column: 1 }
  const reading: Reading = {
    origins: new Origins(),
    report: (severity, _, __, message) => {
      if (severity === 'error') throw new Error(`meshConfig: ${message}`)
    },
  }
  return readPieces(parseInner(JSON.stringify(json), place, reading), reading) ?? {}
}

function readPieces(node: YamlNode | undefined, reading: Reading): MeshConfig | undefined {
  if (node === undefined) return undefined
  for (const [path, why] of unheeded) {
    const entry = path.reduce<YamlEntry | undefined>((found, key) => entryAt(found?.value, key), {
      value: node,
    } as YamlEntry)
    if (entry === undefined || !why.matters(entry.value)) continue
    const name = path.join('.')
    reading.report(
      'warning',
      entry.keyPlace,
      'not-honoured',
      `${name} of MeshConfig is not honoured: ${why.instead}`,
      name,
    )
  }
  return readMessage(meshConfig as Message<object>, pruned(node, meshConfig), 'meshConfig', reading) as MeshConfig
}

interface Unheeded {
  readonly instead: string
  matters(value: YamlNode): boolean
}

function says(instead: string, matters: Unheeded['matters'] = () => true): Unheeded {
  return { instead, matters }
}

function isText(wanted: string): (value: YamlNode) => boolean {
  return (value) => value.kind === 'scalar' && value.text === wanted
}

const exported = says('what names no exportTo is exported everywhere', ({ kind }) => kind === 'list')

/** Settings that change what becomes of a request, or by whom it is seen. */
const unheeded: readonly (readonly [path: readonly string[], why: Unheeded])[] = [
  [['defaultHttpRetryPolicy'], says('a route without retries of its own has Istio’s two')],
  [['defaultVirtualServiceExportTo'], exported],
  [['defaultDestinationRuleExportTo'], exported],
  [['defaultServiceExportTo'], exported],
  [['connectTimeout'], says('limits.connectTimeout holds (2 s) where no DestinationRule says otherwise')],
  [['h2UpgradePolicy'], says('upstreams are spoken to in HTTP/1.1', isText('UPGRADE'))],
  [['rootNamespace'], says('rules for all stand in istio-system', (value) => !isText('istio-system')(value))],
  [['defaultConfig', 'proxyHeaders'], says('requests and answers carry the fields that Envoy adds by default')],
  [['defaultConfig', 'gatewayTopology', 'proxyProtocol'], says('the PROXY protocol is not spoken')],
]

/** Without the fields that the shape does not know, at every depth: there are some two hundred. */
function pruned(node: YamlNode, shape: { readonly fields: Readonly<Record<string, unknown>> }): YamlNode {
  if (node.kind !== 'map') return node
  const entries = node.entries.flatMap((entry) => {
    const field = shape.fields[entry.key] as { kind: string; message?: () => typeof shape } | undefined
    if (field === undefined) return []
    return [field.message === undefined ? entry : { ...entry, value: pruned(entry.value, field.message()) }]
  })
  return { ...node, entries }
}

/** Places point into the text as if it stood on its own lines below the key, as a block does. */
function parseInner(text: string, place: YamlNode['place'], reading: Reading): YamlNode | undefined {
  const report = reading.report
  const source = decodeSource(place.file, new TextEncoder().encode(text), (problem) =>
    report(problem.severity, place, problem.code, problem.message, 'data.mesh'),
  )
  if (source === undefined) return undefined
  const shifted = {
    ...source,
    placeOf: (offset: number) => {
      const inner = source.placeOf(offset)
      return { file: place.file, line: place.line + inner.line, column: place.column + inner.column - 1 }
    },
  }
  const trees = readYaml(
    shifted,
    (problem) => report(problem.severity, problem, problem.code, problem.message, 'data.mesh'),
    'kubernetes',
  )
  return trees?.[0]
}

function at(node: YamlNode | undefined, key: string): YamlNode | undefined {
  return entryAt(node, key)?.value
}
