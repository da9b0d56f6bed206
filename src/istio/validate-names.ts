// Names as Istio's validation takes them: hosts, labels, namespaces, gateway references, exportTo, ports. Each function says what is wrong,
// or nothing.

import { isIP } from 'node:net'
import type { Findings } from './findings.ts'

const label = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/
const wildcardLabel = /^(?:\*|(?:\*|\*-)?[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)$/

/** A DNS label (RFC 1123) in any case, as Istio has it. */
export function isLabel(text: string): boolean {
  return label.test(text)
}

/** A DNS name, whose first label may be a wildcard or begin with one. */
export function wildcardDomainProblem(domain: string): string | undefined {
  if (domain === '') return 'empty domain name not allowed'
  if (domain.length > 255) return `domain name ${JSON.stringify(domain)} too long (max 255)`
  const dot = domain.indexOf('.')
  const first = dot === -1 ? domain : domain.slice(0, dot)
  if (!wildcardLabel.test(first)) return invalidLabel(domain, first)
  return dot === -1 ? undefined : labelsProblem(domain.slice(dot + 1))
}

export function fqdnProblem(domain: string): string | undefined {
  if (domain === '') return 'empty domain name not allowed'
  if (domain.length > 255) return `domain name ${JSON.stringify(domain)} too long (max 255)`
  return labelsProblem(domain)
}

function labelsProblem(domain: string): string | undefined {
  const labels = domain.split('.')
  const top = labels.at(-1) as string
  if (/^[-+]?\d+$/.test(top)) {
    return `domain name ${JSON.stringify(domain)} invalid (top level domain ${JSON.stringify(top)} cannot be all-numeric)`
  }
  for (const [index, part] of labels.entries()) {
    // `istio.io.` is a name without ambiguity.
    if (part === '' && index === labels.length - 1 && index > 0) return undefined
    if (!isLabel(part)) return invalidLabel(domain, part)
  }
  return undefined
}

function invalidLabel(domain: string, part: string): string {
  return `domain name ${JSON.stringify(domain)} invalid (label ${JSON.stringify(part)} invalid)`
}

export function isIpAddress(text: string): boolean {
  return isIP(text) !== 0
}

/** What follows `unix://`: an absolute path to a file, or an abstract name (`@name`). */
export function unixAddressProblem(address: string): string | undefined {
  if (address === '') return 'unix address must not be empty'
  if (address.startsWith('@') || (address.startsWith('/') && !address.endsWith('/'))) return undefined
  return `${address} is not an absolute path to a file`
}

export function portProblem(port: number): string | undefined {
  return port >= 1 && port <= 65_535 ? undefined : `port number ${port} must be in the range 1..65535`
}

/** Of Istio's durations but a few: at least 1 ms, and whole milliseconds. */
export function durationProblem(ms: number): string | undefined {
  if (ms < 1) return 'duration must be greater than 1ms'
  return Number.isInteger(Math.round(ms * 1e6) / 1e6) ? undefined : 'only durations to ms precision are supported'
}

const qualifiedName =
  /^(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const labelValue = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/

/** Labels by which workloads are chosen. */
export function checkLabels(labels: ReadonlyMap<string, string | null> | undefined, findings: Findings): void {
  for (const [key, value] of labels ?? []) {
    if (!qualifiedName.test(key)) findings.error(labels as object, key, `invalid tag key: ${JSON.stringify(key)}`)
    if (!labelValue.test(value ?? ''))
      findings.error(labels as object, key, `invalid tag value: ${JSON.stringify(value)}`)
  }
}

/** Names of Gateways: `name`, `namespace/name`, `mesh`; of old also `name.namespace`. What of `./name` Istio's code knows its validation refuses. */
export function checkGatewayNames(names: readonly string[] | undefined, findings: Findings): void {
  for (const [index, name] of (names ?? []).entries()) {
    const say = (message: string): void => findings.error(names as object, index, message)
    const slash = name.indexOf('/')
    if (slash === -1) {
      const [first = '', namespace] = name.split('.')
      if (namespace !== undefined) {
        const message = `using legacy gatewayName format ${JSON.stringify(name)}; prefer the <namespace>/<name> format: "${namespace}/${first}"`
        findings.warn(names as object, index, message)
      }
      const problem = fqdnProblem(name)
      if (problem !== undefined) say(problem)
      continue
    }
    const namespace = name.slice(0, slash)
    const own = name.slice(slash + 1)
    if (namespace === '' || own === '') say('config namespace and gateway name cannot be empty')
    else if (!isLabel(namespace)) say(`invalid value for namespace: ${JSON.stringify(namespace)}`)
    else if (!isLabel(own)) say(`invalid value for gateway name: ${JSON.stringify(own)}`)
  }
}

/** `~` (nobody) is for ServiceEntries only. */
export function checkExportTo(
  namespace: string,
  exportTo: readonly string[] | undefined,
  findings: Findings,
  isServiceEntry = false,
): void {
  const seen = new Set<string>()
  for (const [index, name] of (exportTo ?? []).entries()) {
    const say = (message: string): void => findings.error(exportTo as object, index, message)
    const meant = name === '.' ? namespace : name
    if (seen.has(meant)) say(`duplicate entries in exportTo: ${name}`)
    seen.add(meant)
    if (name === '~' && !isServiceEntry) say('exportTo ~ (none) is allowed only for ServiceEntry')
    else if (!['.', '*', '~'].includes(name) && !isLabel(name))
      say(`invalid namespace value ${JSON.stringify(name)} in exportTo`)
  }
  if (seen.size > 1 && (seen.has('*') || seen.has('~'))) {
    findings.error(
      exportTo as object,
      undefined,
      'exportTo should have only one entry (. or *) or a list of namespaces',
    )
  }
}

/** Does one of the two hosts cover the other? Istio's Name.Matches: `*` in front stands for any beginning. */
export function hostsOverlap(a: string, b: string): boolean {
  const wildA = a.startsWith('*')
  const wildB = b.startsWith('*')
  if (!wildA && !wildB) return a === b
  if (wildA && wildB) return a.length > b.length ? a.endsWith(b.slice(1)) : b.endsWith(a.slice(1))
  return wildA ? b.endsWith(a.slice(1)) : a.endsWith(b.slice(1))
}
