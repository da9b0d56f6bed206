// A case of the corpus as its README describes it: what is sent, and what Istio and Envoy did with it.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface CaseRequest {
  readonly id: string
  readonly via: 'gateway' | 'mesh'
  readonly port: number
  readonly sourceLabels?: Readonly<Record<string, string>>
  readonly sourceNamespace?: string
  readonly sourceAddress?: string
  readonly method: string
  readonly path: string
  readonly host: string | null
  readonly headers: readonly Pair[]
  readonly body?: string
  readonly repeat?: number
}

export type Pair = readonly [name: string, value: string]

export interface Reached {
  readonly cluster: string
  readonly endpoint: string
  readonly method: string
  readonly path: string
  readonly authority: string
  readonly headers: readonly Pair[] | null
  readonly body?: string
}

export interface Verdict {
  readonly id: string
  readonly outcome: 'upstream' | 'direct' | 'repeated' | 'no-listener' | 'closed'
  readonly status?: number
  readonly location?: string
  readonly upstream?: Reached
  readonly alternatives?: readonly string[]
  readonly attempts?: number
  readonly mirrors?: readonly Reached[]
  readonly response?: { readonly headers: readonly Pair[]; readonly body?: string }
  readonly elapsedMs?: number
  readonly distribution?: Readonly<Record<string, number>>
  readonly statusDistribution?: Readonly<Record<string, number>>
  readonly endpointDistribution?: Readonly<Record<string, number>>
  readonly mirrorDistribution?: Readonly<Record<string, number>>
}

export interface ResourceVerdict {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly accepted: boolean
}

export interface Case {
  readonly name: string
  readonly manifests: string
  readonly clientAddress: string
  readonly meshConfig: unknown
  readonly runtimeFlags: Readonly<Record<string, boolean>>
  readonly requests: readonly CaseRequest[]
  readonly envoyAccepted: boolean
  readonly resources: readonly ResourceVerdict[]
  /** Endpoints of the case, `address:port` as in the manifests. */
  readonly endpoints: readonly string[]
  /** Cluster to its endpoints. */
  readonly clusters: ReadonlyMap<string, readonly string[]>
  readonly verdicts: ReadonlyMap<string, Verdict>
}

/** The cases below these folders: each is a case itself, or holds cases. Throws on a folder that is neither. */
export function findCases(folders: readonly string[]): readonly Case[] {
  return folders.flatMap((folder) => {
    if (isCase(folder)) return [readCase(folder)]
    const inside = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    const names = inside.map(({ name }) => join(folder, name)).filter(isCase)
    if (names.length === 0)
      throw new Error(`${folder}: neither a case (manifests.yaml, requests.json, verdicts.json) nor a folder of cases`)
    return names.toSorted().map(readCase)
  })
}

function isCase(folder: string): boolean {
  return ['manifests.yaml', 'requests.json', 'verdicts.json'].every((file) => existsSync(join(folder, file)))
}

interface RequestsFile {
  readonly clientAddress?: string
  readonly meshConfig?: unknown
  readonly runtimeFlags?: Readonly<Record<string, boolean>>
  readonly requests: readonly CaseRequest[]
}

interface VerdictsFile {
  readonly envoyAccepted: boolean
  readonly resources: readonly ResourceVerdict[]
  readonly backends?: readonly { readonly endpoint: string }[] | null
  readonly clusters?: readonly { readonly name: string; readonly endpoints: readonly string[] | null }[] | null
  readonly verdicts?: readonly Verdict[] | null
}

function readCase(folder: string): Case {
  const requests = json(join(folder, 'requests.json')) as RequestsFile
  const verdicts = json(join(folder, 'verdicts.json')) as VerdictsFile
  const endpoints = (verdicts.backends ?? []).map(({ endpoint }) => endpoint)
  return {
    name: basename(folder),
    manifests: join(folder, 'manifests.yaml'),
    clientAddress: requests.clientAddress ?? '127.0.0.2',
    meshConfig: requests.meshConfig,
    runtimeFlags: requests.runtimeFlags ?? {},
    requests: requests.requests,
    envoyAccepted: verdicts.envoyAccepted,
    resources: verdicts.resources,
    endpoints: [...new Set(endpoints)],
    clusters: new Map((verdicts.clusters ?? []).map(({ name, endpoints: list }) => [name, list ?? []])),
    verdicts: new Map((verdicts.verdicts ?? []).map((verdict) => [verdict.id, verdict])),
  }
}

function json(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}
