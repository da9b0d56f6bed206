// The options of `serve` that only mean something for Istio's manifests: --port, --resolve, --internal. Read strictly.

import type { InternalPort, ManifestOptions } from '../gateway.ts'
import { UsageError } from './usage.ts'

export const manifestArguments = {
  port: { type: 'string', multiple: true, default: [] as string[] },
  resolve: { type: 'string', multiple: true, default: [] as string[] },
  internal: { type: 'string', multiple: true, default: [] as string[] },
} as const

export const manifestUsage = `  --port FROM=TO            Istio's manifests: bind TO for the Gateway server's port FROM (repeatable; 0: any free port)
  --resolve A:P=B:Q         send what is for the endpoint A:P to B:Q, as curl does (repeatable); A may be a Deployment
  --internal PORT=SERVICEPORT[,namespace=NAME][,label=value]...
                            bind PORT on loopback for calls to services at SERVICEPORT, as the sidecar of a workload
                            with these labels would (repeatable): gives sourceLabels and sourceNamespace their meaning
`

/** Undefined when none of them is given. Throws UsageError. */
export function readManifestOptions(values: {
  readonly port: readonly string[]
  readonly resolve: readonly string[]
  readonly internal: readonly string[]
}): ManifestOptions | undefined {
  const { port, resolve, internal } = values
  if (port.length + resolve.length + internal.length === 0) return undefined
  return {
    ports: eachOnce('port', port.map(readPort)),
    resolve: eachOnce('resolve', resolve.map(readResolve)),
    internal: internal.map(readInternal),
  }
}

/** Of two that say something else about one thing the first would go for nothing. */
function eachOnce<K, V>(option: string, pairs: readonly (readonly [K, V])[]): ReadonlyMap<K, V> {
  const map = new Map(pairs)
  for (const [from, to] of pairs) {
    if (map.get(from) !== to)
      throw new UsageError(`--${option}: ${from} goes to ${to} and to ${map.get(from)}: which one?`)
  }
  return map
}

function readPort(text: string): readonly [from: number, to: number] {
  const [, from, to] = /^(\d{1,5})=(\d{1,5})$/.exec(text) ?? []
  if (!isPort(from) || !isPort(to))
    throw new UsageError(`--port wants FROM=TO, like 80=8080, not ${JSON.stringify(text)}`)
  return [Number(from), Number(to)]
}

function readResolve(text: string): readonly [from: string, to: string] {
  const equals = text.indexOf('=')
  const from = text.slice(0, Math.max(0, equals))
  const to = text.slice(equals + 1)
  if (!endsInPort(from) || !endsInPort(to)) {
    throw new UsageError(
      `--resolve wants ADDRESS:PORT=ADDRESS:PORT, like 10.0.0.1:80=127.0.0.1:8080, not ${JSON.stringify(text)}`,
    )
  }
  return [from, to]
}

function endsInPort(text: string): boolean {
  const found = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+):(\d{1,5})$/.exec(text)
  return found !== null && isPort(found[1]) && found[1] !== '0'
}

function readInternal(text: string): InternalPort {
  const [ports = '', ...pairs] = text.split(',')
  const [, port, servicePort] = /^(\d{1,5})=(\d{1,5})$/.exec(ports) ?? []
  if (!isPort(port) || !isPort(servicePort)) {
    throw new UsageError(
      `--internal wants PORT=SERVICEPORT,label=value,..., like 15001=80,version=v2, not ${JSON.stringify(text)}`,
    )
  }
  let namespace = 'default'
  const labels = new Map<string, string>()
  for (const pair of pairs) {
    const [, name, value] = /^([^=\s]+)=(\S*)$/.exec(pair) ?? []
    if (name === undefined || value === undefined)
      throw new UsageError(`--internal: ${JSON.stringify(pair)} is no label=value`)
    if (name === 'namespace') namespace = value
    else labels.set(name, value)
  }
  return { port: Number(port), servicePort: Number(servicePort), namespace, labels }
}

function isPort(text: string | undefined): boolean {
  return text !== undefined && Number(text) <= 65_535
}
