// Caddy: Go's scheduler held to one thread at a time.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Version } from '../backend.ts'
import { type Contender, type Setting, versionOf } from '../contender.ts'

export const caddy: Contender = {
  name: 'caddy',
  about: 'GOMAXPROCS=1',
  install: 'apt-get install caddy (or brew, dnf)',
  compilesAsItRuns: false,
  version: () => versionOf('caddy', ['version'], /v?(\d\S*)/),
  async command(setting) {
    const file = join(setting.folder, 'Caddyfile')
    await writeFile(file, configuration(setting))
    const env = { GOMAXPROCS: '1', XDG_DATA_HOME: setting.folder, XDG_CONFIG_HOME: setting.folder }
    return { name: 'caddy', file: 'caddy', args: ['run', '--adapter', 'caddyfile', '--config', file], env }
  },
}

// Caddy adds to X-Forwarded-For only what a trusted proxy sent. Trust is named in each reverse_proxy, which 2.5 and later read: for the
// whole server only 2.6.3 and later do.
function configuration({ port, backends }: Setting): string {
  const handle = (matcher: string, version: Version): string => `\thandle ${matcher} {
\t\theader +x-version ${version}
\t\theader @unpinned +Set-Cookie "version=${version}; Path=/; HttpOnly"
\t\treverse_proxy 127.0.0.1:${backends[version]} {
\t\t\ttrusted_proxies 127.0.0.0/8
\t\t\ttransport http {
\t\t\t\tkeepalive_idle_conns_per_host 256
\t\t\t\tkeepalive_idle_conns 1024
\t\t\t\tcompression off
\t\t\t}
\t\t}
\t}`
  return `{
\tadmin off
\tauto_https off
}
http://:${port} {
\tbind 127.0.0.1
\t@address header X-Forwarded-For 192.168.0.58
\t@user header X-User jason
\t@v2 vars {http.request.cookie.version} v2
\t@v3 vars {http.request.cookie.version} v3
\t@unpinned not header_regexp Cookie version=v[123]
${[handle('@address', 'v2'), handle('@user', 'v3'), handle('@v2', 'v2'), handle('@v3', 'v3'), handle('', 'v1')].join('\n')}
}
`
}
