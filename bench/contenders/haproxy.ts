// HAProxy: one thread, the rules as variables.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { versions } from '../backend.ts'
import { type Contender, type Setting, versionOf } from '../contender.ts'

export const haproxy: Contender = {
  name: 'haproxy',
  about: 'one thread',
  install: 'apt-get install haproxy (or brew, dnf)',
  compilesAsItRuns: false,
  version: () => versionOf('haproxy', ['-v'], /version (\S+?)-/),
  async command(setting) {
    const file = join(setting.folder, 'haproxy.cfg')
    await writeFile(file, configuration(setting))
    return { name: 'haproxy', file: 'haproxy', args: ['-db', '-f', file] }
  },
}

function configuration({ port, backends }: Setting): string {
  const servers = versions.map(
    (version) => `backend b_${version}\n  server s 127.0.0.1:${backends[version]} pool-max-conn 512`,
  )
  return `global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout client 300s
  timeout server 300s
  timeout connect 5s
  timeout http-keep-alive 300s
  option http-keep-alive
  http-reuse always
  option forwardfor
frontend edge
  bind 127.0.0.1:${port} backlog 4096
  http-request set-var(txn.version) str(v2) if { req.fhdr(x-forwarded-for) -m str 192.168.0.58 }
  http-request set-var(txn.version) str(v3) if !{ var(txn.version) -m found } { req.fhdr(x-user) -m str jason }
  http-request set-var(txn.version) req.cook(version) if !{ var(txn.version) -m found } { req.cook(version) -m str v1 v2 v3 }
  http-request set-var(txn.version) str(v1) if !{ var(txn.version) -m found }
  http-request set-var(txn.unpinned) bool(true) if !{ req.cook(version) -m str v1 v2 v3 }
  http-response set-header x-version %[var(txn.version)]
  http-response add-header Set-Cookie "version=%[var(txn.version)]; Path=/; HttpOnly" if { var(txn.unpinned) -m bool }
  use_backend b_%[var(txn.version)]
${servers.join('\n')}
`
}
