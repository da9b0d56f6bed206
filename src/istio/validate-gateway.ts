// Gateways as Istio's validation takes them, and what of them is not served here.

import { isIP } from 'node:net'
import type { Findings } from './findings.ts'
import type { GatewaySpec, Server, ServerTls } from './model-gateway.ts'
import {
  checkLabels,
  isIpAddress,
  isLabel,
  portProblem,
  unixAddressProblem,
  wildcardDomainProblem,
} from './validate-names.ts'

const httpProtocols = ['HTTP', 'GRPC', 'GRPC-WEB', 'HTTP2', 'HTTP_PROXY']
const protocols = [...httpProtocols, 'HTTPS', 'MONGO', 'MYSQL', 'REDIS', 'TCP', 'TLS', 'UDP']

/** Plain HTTP as a listener sees it: what is HTTP/2 or gRPC in name alone is served as HTTP/1.1 too. */
export function isHttp(protocol: string | undefined): boolean {
  return httpProtocols.includes((protocol ?? '').toUpperCase())
}

export function checkGateway(spec: GatewaySpec, name: string, findings: Findings): void {
  if (!isLabel(name)) findings.error(spec, undefined, `invalid gateway name: ${JSON.stringify(name)}`)
  const servers = spec.servers ?? []
  if (servers.length === 0) findings.error(spec, undefined, 'gateway must have at least one server')
  checkLabels(spec.selector, findings)
  const names = new Set<string>()
  for (const server of servers) {
    checkServer(server, findings)
    const portName = server.port?.name ?? ''
    if (portName !== '' && names.has(portName)) {
      findings.error(server.port as object, 'name', `port names in servers must be unique: duplicate name ${portName}`)
    }
    names.add(portName)
  }
}

function checkServer(server: Server, findings: Findings): void {
  const { hosts = [], port, bind = '', tls } = server
  if (hosts.length === 0) findings.error(server, undefined, 'server config must contain at least one host')
  for (const [index, host] of hosts.entries()) {
    const problem = serverHostProblem(host)
    if (problem !== undefined) findings.error(server.hosts as object, index, problem)
  }
  const unix = bind.startsWith('unix://')
  if (bind !== '' && !unix && isIP(bind) === 0)
    findings.error(server, 'bind', `${JSON.stringify(bind)} is not a valid IP`)
  if (unix) {
    findings.notHonoured(server, 'bind', 'unix sockets are not bound here')
    const problem = unixAddressProblem(bind.slice('unix://'.length))
    if (problem !== undefined) findings.error(server, 'bind', problem)
    if ((port?.number ?? 0) !== 0) {
      findings.error(port as object, 'number', 'port number must be 0 for unix domain socket')
    }
  }
  if ((server.defaultEndpoint ?? '') !== '') {
    findings.notHonoured(
      server,
      'defaultEndpoint',
      'defaultEndpoint is not honoured: requests that no route takes get 404',
    )
  }
  if (port === undefined) {
    findings.error(server, undefined, 'port is required')
    return
  }
  const protocol = (port.protocol ?? '').toUpperCase()
  if (!protocols.includes(protocol)) {
    findings.error(
      port,
      'protocol',
      `invalid protocol ${JSON.stringify(port.protocol ?? '')}, supported protocols are ${protocols.join(', ')}`,
    )
  }
  const wrongPort = unix && (port.number ?? 0) === 0 ? undefined : portProblem(port.number ?? 0)
  if (wrongPort !== undefined) findings.error(port, 'number', wrongPort)
  if ((port.name ?? '') === '') findings.error(port, undefined, `port name must be set: number ${port.number}`)
  if (port.targetPort !== undefined && port.targetPort !== 0)
    findings.error(port, 'targetPort', 'targetPort has no impact on Gateways')
  checkTls(server, protocol, tls, findings)
  if (protocols.includes(protocol) && !isHttp(protocol)) {
    findings.notHonoured(
      port,
      'protocol',
      `${protocol} servers are not served here: port ${port.number} stays closed for them`,
    )
  }
}

/** `host`, `*`, or with the namespace of the VirtualServices it is for: `shop/*.example.com`. */
function serverHostProblem(host: string): string | undefined {
  const slash = host.indexOf('/')
  const namespace = slash === -1 ? undefined : host.slice(0, slash)
  const name = host.slice(slash + 1)
  if (namespace === '' || name === '') return 'config namespace and dnsName in host entry cannot be empty'
  if (namespace !== undefined && namespace !== '*' && namespace !== '.' && !isLabel(namespace)) {
    return `invalid namespace value ${JSON.stringify(namespace)} in gateway`
  }
  if (name !== '*' && !name.includes('.')) return `short names (non FQDN) are not allowed: ${name}`
  return isIpAddress(name) ? undefined : wildcardDomainProblem(name)
}

function checkTls(server: Server, protocol: string, tls: ServerTls | undefined, findings: Findings): void {
  const encrypted = protocol === 'HTTPS' || protocol === 'TLS'
  if (encrypted) {
    if (tls === undefined) findings.error(server, undefined, 'server must have TLS settings for HTTPS/TLS protocols')
    else checkCertificates(tls, findings)
    return
  }
  if (tls === undefined) return
  const { mode = 'PASSTHROUGH' } = tls
  if (!isHttp(protocol)) findings.error(server, 'tls', 'server cannot have TLS settings for non HTTPS/TLS ports')
  else if (!mode.endsWith('PASSTHROUGH') || certificateFiles.some((key) => (tls[key] ?? '') !== '')) {
    findings.error(server, 'tls', 'server cannot have TLS settings for plain text HTTP ports')
  }
}

const certificateFiles = ['serverCertificate', 'privateKey', 'caCertificates'] as const

/** An HTTPS server is not served here; but what is wrong in it makes Istio refuse the HTTP servers of its Gateway too. */
function checkCertificates(tls: ServerTls, findings: Findings): void {
  const { mode = 'PASSTHROUGH', credentialName = '', credentialNames = [], tlsCertificates } = tls
  const given = (key: (typeof certificateFiles)[number]): boolean => (tls[key] ?? '') !== ''
  const fromSecret = credentialName !== '' || credentialNames.length > 0
  if (mode === 'ISTIO_MUTUAL') {
    for (const key of [...certificateFiles, 'credentialName'] as const) {
      if ((tls[key] ?? '') !== '') findings.error(tls, key, `ISTIO_MUTUAL TLS cannot have associated ${key}`)
    }
    return
  }
  const sources = [given('serverCertificate') && given('privateKey'), credentialName !== '', tlsCertificates === true]
  if ([...sources, credentialNames.length > 0].filter(Boolean).length > 1) {
    const message =
      'only one of credential_name, credential_names, server_certificate/private_key, tls_certificates should be specified'
    findings.error(tls, undefined, message)
  }
  if (mode.endsWith('PASSTHROUGH') || fromSecret) return
  if (tlsCertificates !== true && !given('serverCertificate')) {
    findings.error(tls, undefined, `${mode} TLS requires a server certificate`)
  }
  if (tlsCertificates !== true && !given('privateKey')) {
    findings.error(tls, undefined, `${mode} TLS requires a private key`)
  }
  if (mode !== 'SIMPLE' && !given('caCertificates')) {
    findings.error(tls, undefined, `${mode} TLS requires a client CA bundle`)
  }
}
