// ServiceEntries and WorkloadEntries as Istio's validation takes them, and what of them is not honoured here.

import { parseCidr } from '../rules/address.ts'
import type { Findings } from './findings.ts'
import type { ServiceEntrySpec, WorkloadEntrySpec } from './model-service-entry.ts'
import {
  checkExportTo,
  checkLabels,
  fqdnProblem,
  isIpAddress,
  isLabel,
  portProblem,
  unixAddressProblem,
  wildcardDomainProblem,
} from './validate-names.ts'

const protocols = [
  'HTTP',
  'HTTPS',
  'GRPC',
  'GRPC-WEB',
  'HTTP2',
  'MONGO',
  'TCP',
  'TLS',
  'REDIS',
  'MYSQL',
  'UDP',
  'HTTP_PROXY',
  'HBONE',
  '',
]

/** Protocols whose requests name the host that they are for. */
const namesHost = ['HTTP', 'HTTPS', 'GRPC', 'GRPC-WEB', 'HTTP2', 'HTTP_PROXY', 'TLS']

export function checkServiceEntry(spec: ServiceEntrySpec, namespace: string, findings: Findings): void {
  const { hosts = [], addresses = [], endpoints = [], resolution = 'NONE' } = spec
  if (hosts.length === 0) findings.error(spec, undefined, 'service entry must have at least one host')
  for (const [index, host] of hosts.entries()) {
    const problem = host === '*' ? 'invalid host *' : wildcardDomainProblem(host)
    if (problem !== undefined) findings.error(spec.hosts as object, index, problem)
  }
  const takesBlocks = resolution === 'NONE' || resolution === 'STATIC'
  for (const [index, address] of addresses.entries()) {
    const say = (message: string): void => findings.error(spec.addresses as object, index, message)
    if (parseCidr(address) === undefined) say(`invalid address ${address}`)
    else if (address.includes('/') && !takesBlocks)
      say('CIDR addresses are allowed only for NONE/STATIC resolution types')
  }
  if (spec.workloadSelector !== undefined && endpoints.length > 0) {
    findings.error(spec, 'workloadSelector', 'only one of WorkloadSelector or Endpoints is allowed in Service Entry')
  }
  for (const [key, value] of spec.workloadSelector?.labels ?? []) {
    if (key !== '' && !key.includes('*') && value?.includes('*') !== true) continue
    const message = `wildcard is not supported in selector: "${key}=${value ?? ''}"`
    findings.error(spec.workloadSelector?.labels as object, key, message)
  }
  checkPorts(spec, findings)
  checkResolution(spec, hosts, resolution, endpoints, findings)
  const portNames = new Set((spec.ports ?? []).map(({ name = '' }) => name))
  for (const endpoint of endpoints) {
    checkWorkloadEntry(endpoint, findings)
    for (const name of endpoint.ports?.keys() ?? []) {
      if (portNames.has(name)) continue
      const known = [...portNames].join(', ') || 'none'
      const message = `endpoint port ${name} is not defined by the service entry, whose ports are ${known}`
      findings.error(endpoint.ports as object, name, message)
    }
    if ((endpoint.address ?? '').startsWith('unix://') && portNames.size !== 1)
      findings.error(endpoint, 'address', 'exactly 1 service port required for unix endpoints')
  }
  checkExportTo(namespace, spec.exportTo, findings, true)
  if ((spec.subjectAltNames ?? []).length > 0) {
    findings.notHonoured(
      spec,
      'subjectAltNames',
      'subjectAltNames is not honoured here: give them in trafficPolicy.tls',
    )
  }
}

function checkPorts(spec: ServiceEntrySpec, findings: Findings): void {
  const names = new Set<string>()
  const numbers = new Set<number>()
  for (const port of spec.ports ?? []) {
    const { name = '', number = 0, targetPort } = port
    const problem = portProblem(number)
    if (problem !== undefined) findings.error(port, 'number', problem)
    if (name === '') findings.error(port, undefined, 'port name is required')
    else if (!isLabel(name)) findings.error(port, 'name', `invalid port name: ${name}`)
    if (names.has(name)) findings.error(port, 'name', `service entry port name ${JSON.stringify(name)} already defined`)
    if (numbers.has(number)) findings.error(port, 'number', `service entry port ${number} already defined`)
    names.add(name)
    numbers.add(number)
    if (!protocols.includes((port.protocol ?? '').toUpperCase())) {
      findings.error(port, 'protocol', `invalid protocol ${JSON.stringify(port.protocol)}`)
    }
    if (targetPort !== undefined && targetPort !== 0 && portProblem(targetPort) !== undefined) {
      findings.error(port, 'targetPort', portProblem(targetPort) as string)
    }
  }
}

function checkResolution(
  spec: ServiceEntrySpec,
  hosts: readonly string[],
  resolution: NonNullable<ServiceEntrySpec['resolution']>,
  endpoints: readonly WorkloadEntrySpec[],
  findings: Findings,
): void {
  if (resolution === 'NONE') {
    if (endpoints.length > 0)
      findings.error(spec, 'endpoints', 'no endpoints should be provided for resolution type none')
    findings.notHonoured(
      spec,
      'resolution',
      'resolution NONE forwards to the original address, which a gateway has not: it has no endpoints',
    )
  } else if (hosts.length > 1) {
    const mute = (spec.ports ?? []).find(({ protocol = '' }) => !namesHost.includes(protocol.toUpperCase()))
    if (mute !== undefined) findings.error(mute, undefined, 'multiple hosts provided with non-HTTP, non-TLS ports')
  }
  if (resolution === 'DYNAMIC_DNS') {
    for (const key of ['endpoints', 'addresses'] as const) {
      if ((spec[key] ?? []).length > 0)
        findings.error(spec, key, `${key} cannot be set for resolution type DYNAMIC_DNS`)
    }
    for (const [index, host] of hosts.entries()) {
      if (host.startsWith('*')) continue
      findings.error(spec.hosts as object, index, 'host must be wildcarded for resolution mode DYNAMIC_DNS')
    }
    findings.notHonoured(spec, 'resolution', 'DYNAMIC_DNS is not honoured: it has no endpoints')
  }
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1) {
    findings.error(spec, 'endpoints', `there must only be 0 or 1 endpoint for resolution mode ${resolution}`)
  }
  for (const [index, endpoint] of endpoints.entries()) {
    const { address = '' } = endpoint
    // One without an address, which a network stands for, is let pass.
    const isPlain = address === '' || isIpAddress(address) || address.startsWith('unix://')
    if (resolution === 'STATIC' && !isPlain) {
      findings.error(
        endpoints as object,
        index,
        `invalid address ${JSON.stringify(address)}: resolution STATIC takes IP addresses`,
      )
    }
  }
  if (!resolution.startsWith('DNS') || endpoints.length > 0) return
  for (const [index, host] of hosts.entries()) {
    const problem = fqdnProblem(host)
    if (problem !== undefined)
      findings.error(
        spec.hosts as object,
        index,
        `hosts must be FQDN if no endpoints are provided for resolution mode ${resolution}`,
      )
  }
}

export function checkWorkloadEntry(entry: WorkloadEntrySpec, findings: Findings): void {
  const { address = '', ports = new Map<string, number | null>() } = entry
  const unix = address.startsWith('unix://')
  if (address === '' && (entry.network ?? '') === '') findings.error(entry, undefined, 'address is required')
  if (unix) {
    findings.notHonoured(entry, 'address', 'unix sockets are not spoken to here: this endpoint is left out')
    const problem = unixAddressProblem(address.slice('unix://'.length))
    if (problem !== undefined) findings.error(entry, 'address', problem)
    if (ports.size > 0) findings.error(entry, 'ports', 'endpoint ports must not be set for unix domain sockets')
  }
  if (!unix && address !== '' && !isIpAddress(address) && fqdnProblem(address) !== undefined) {
    findings.error(entry, 'address', `endpoint address ${JSON.stringify(address)} is not a valid FQDN or an IP address`)
  }
  for (const [name, port] of ports) {
    if (!isLabel(name)) findings.error(entry.ports as object, name, `invalid port name: ${name}`)
    const problem = portProblem(port ?? 0)
    if (problem !== undefined) findings.error(entry.ports as object, name, problem)
  }
  checkLabels(entry.labels, findings)
  for (const key of ['locality', 'network'] as const) {
    if ((entry[key] ?? '') !== '') findings.notHonoured(entry, key, `${key} is not honoured`)
  }
}
