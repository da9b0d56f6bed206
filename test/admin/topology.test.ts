import { join } from 'node:path'

import { expect, it } from 'vitest'

import { topologyOf } from '../../src/admin/topology.ts'
import { loadConfiguration } from '../../src/config/load.ts'

const folder = join(import.meta.dirname, '../../src/admin/dashboard')
const { conditionText } = (await import(join(folder, 'conditions.js'))) as {
  conditionText: (condition: unknown) => string
}
const { chooseWords } = (await import(join(folder, 'words.js'))) as { chooseWords: (language: string) => void }

const routes = `
name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
services: { api: /api/, frontend: {} }
versions:
  v1: { frontend: "http://10.0.0.1:80", api: "http://[::1]:81" }
  v2: { frontend: ["http://10.0.0.2:80", "http://frontend-v2:80"] }
  v3: { frontend: "http://10.0.0.3:80", base: v2 }
  v4: { frontend: "http://10.0.0.4:80" }
stable: v1
draining: [v4]
gray:
  - { name: office, version: v2, ip: [192.168.0.58, 10.0.0.0/8, 10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16] }
  - { name: people, version: v2, users: [ann, bob] }
  - version: v2
    match:
      - { cookies: { user: { exact: jason } }, uri: { prefix: /new } }
      - { headers: { authorization: { exact: Bearer canary-4711 }, x-user: { regex: "j.*" } } }
      - { withoutHeaders: { x-bot: {} }, method: { in: [GET, HEAD] } }
      - { queryParams: { beta: {} }, port: 8080 }
  - { version: v2, share: 12.5% }
`

it('tells releases as people speak of them: roles, own pools, rules in words of both languages; lists cut, credentials left out', async () => {
  const loaded = await loadConfiguration('routes.yaml', { read: () => Promise.resolve(Buffer.from(routes)) })
  if (!('configuration' in loaded)) throw new Error(JSON.stringify(loaded.problems))
  const [shop] = topologyOf(loaded.configuration)
  expect(shop?.versions).toEqual([
    { name: 'v1', role: 'stable', base: 'v1', pools: { frontend: ['10.0.0.1:80'], api: ['[::1]:81'] }, share: 0 },
    { name: 'v2', role: 'gray', base: 'v1', pools: { frontend: ['10.0.0.2:80', 'frontend-v2:80'] }, share: 1250 },
    { name: 'v3', role: 'idle', base: 'v2', pools: { frontend: ['10.0.0.3:80'] }, share: 0 },
    { name: 'v4', role: 'draining', base: 'v1', pools: { frontend: ['10.0.0.4:80'] }, share: 0 },
  ])
  const rules = shop?.rules ?? []
  expect(JSON.stringify(rules)).not.toContain('canary')
  chooseWords('en')
  expect(rules.map(({ label, condition }) => `${label}: ${conditionText(condition)}`)).toEqual([
    'office: address in 192.168.0.58, 10.0.0.0/8, 10.1.0.0/16, 10.2.0.0/16 and 1 more',
    'people: ann, bob',
    'line 15: path = /new… and cookie user = jason or header authorization (not shown) and header x-user ~ j.*' +
      ' or method in GET, HEAD and not: header x-bot present or query beta present and port = 8080',
    'line 21: 12.5 %',
  ])
  chooseWords('zh')
  expect(rules.map(({ condition }) => conditionText(condition))).toEqual([
    '地址 属于 192.168.0.58、10.0.0.0/8、10.1.0.0/16、10.2.0.0/16 等，另有 1 个',
    'ann、bob',
    '路径 = /new… 且 Cookie user = jason 或 请求头 authorization（不显示） 且 请求头 x-user ~ j.*' +
      ' 或 方法 属于 GET、HEAD 且 不满足：带有 请求头 x-bot 或 带有 查询参数 beta 且 端口 = 8080',
    '12.5 %',
  ])
})
