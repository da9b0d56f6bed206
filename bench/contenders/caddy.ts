// Caddy: Go's scheduler held to one thread at a time.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

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

// Caddy adds to X-Forwarded-For only what a trusted proxy sent.
function configuration({ port, backends }: Setting): string {
  const handle = (matcher: string, version: 'v1' | 'v2' | 'v3'): string =>
    `\thandle ${matcher} {\n\t\timport forward ${version} ${backends[version]}\n\t}`
  return `{
\tadmin off
\tauto_https off
\tservers {
\t\ttrusted_proxies static 127.0.0.0/8
\t}
}
(forward) {
\theader +x-version {args.0}
\theader @unpinned +Set-Cookie "version={args.0}; Path=/; HttpOnly"
\treverse_proxy 127.0.0.1:{args.1} {
\t\ttransport http {
\t\t\tkeepalive_idle_conns_per_host 256
\t\t\tkeepalive_idle_conns 1024
\t\t\tcompression off
\t\t}
\t}
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
