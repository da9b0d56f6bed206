// nginx: one worker, maps for the rules, buffers large enough that nothing goes to disk.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { versions } from '../backend.ts'
import { type Contender, furtherCookie, type FurtherRule, furtherRules, type Setting, versionOf } from '../contender.ts'

export function nginx(name: string, rules = 0): Contender {
  return {
    name,
    about: rules === 0 ? 'one worker, rules as maps' : `the same with ${rules} rules more`,
    install: 'apt-get install nginx (or brew, dnf)',
    compilesAsItRuns: false,
    version: () => versionOf('nginx', ['-v'], /nginx\/(\S+)/),
    async command(setting) {
      await mkdir(setting.folder, { recursive: true })
      const file = join(setting.folder, 'nginx.conf')
      await writeFile(file, configuration(setting, furtherRules(rules)))
      return { name, file: 'nginx', args: ['-c', file, '-e', join(setting.folder, 'error.log')] }
    },
  }
}

function configuration({ port, secure, backends, folder }: Setting, rules: readonly FurtherRule[]): string {
  const entries = (by: FurtherRule['by']): string =>
    rules.map((rule) => (rule.by === by ? `${rule.value} ${rule.version};` : '')).join('')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${folder}/${of};`)
  const keep = 'keepalive 256; keepalive_requests 1000000000;'
  const upstreams = versions.map((version) => `upstream ${version} { server 127.0.0.1:${backends[version]}; ${keep} }`)
  // Workers of a master that is root would otherwise be another user, who may not enter the folder.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const listenSecurely =
    secure === undefined
      ? ''
      : `listen 127.0.0.1:${secure.port} ssl backlog=4096; ssl_certificate ${secure.cert}; ssl_certificate_key ${secure.key};`
  return `${user} worker_processes 1; daemon off; pid ${folder}/nginx.pid; worker_rlimit_nofile 20000;
events { worker_connections 15000; }
http {
  access_log off; error_log ${folder}/error.log warn; tcp_nodelay on;
  keepalive_timeout 300s; keepalive_requests 1000000000;
  ${temporary.join(' ')}
  client_max_body_size 64m; client_body_buffer_size 2m;
  proxy_max_temp_file_size 0; proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 192k;
  map_hash_max_size 8192; map_hash_bucket_size 128;
  map $cookie_${furtherCookie} $by_uid { default v1; ${entries('cookie')} }
  map $cookie_version $by_cookie { default $by_uid; v1 v1; v2 v2; v3 v3; }
  map $http_x_user $by_user { default $by_cookie; jason v3; ${entries('user')} }
  map $http_x_forwarded_for $version { default $by_user; 192.168.0.58 v2; ${entries('address')} }
  map $cookie_version $set_cookie { default "version=$version; Path=/; HttpOnly"; v1 ""; v2 ""; v3 ""; }
  ${upstreams.join('\n  ')}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${listenSecurely}
    location / {
      proxy_pass http://$version; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      add_header x-version $version always; add_header Set-Cookie $set_cookie always;
    }
  }
}
`
}
