import { describe, expect, it } from 'vitest'

import { graylane } from './graylane-process.ts'
import { routes, useRoutes } from './routes.ts'
import { type Row, rowsIn } from './rows.ts'

const folder = useRoutes()
const run = rowsIn(folder)

describe('graylane explain', () => {
  const explain = ['explain', '--config', 'FILE']
  const rows: Row[] = [
    {
      says: 'names the rule that decides, with its line',
      args: [...explain, '--ip', '192.168.0.58', '-H', 'Accept: text/html', 'http://shop.example/'],
      code: 0,
      out: /kind +document\n[\s\S]*office \(.*:12\)[\s\S]*version +v2 \(rule: office\)\nupstream +frontend of v2: \/, Host shop\.example\npin +an HTML answer sets a new one\n$/,
    },
    {
      says: 'takes a method, a path and headers as curl does',
      args: [...explain, '-H', 'Cookie: user=jason', '-H', 'X-A: b', 'POST', '/api/orders?x=1'],
      code: 0,
      out: /version +v2 \(rule: line 13\)\nupstream +mqtt-server of v2: \/api\/orders\?x=1,/,
    },
    { says: 'says when nothing applies', args: [...explain, '/'], code: 0, out: /version +v1 \(stable\)/ },
    {
      says: 'says when the edge answers itself',
      args: [...explain, '/%00'],
      code: 0,
      out: /answer +400 EDGE_BAD_TARGET, by the edge itself/,
    },
    {
      says: 'names the host that is of no release',
      args: [...explain, '/'],
      yaml: routes().replace('listen:\n', 'hosts: [shop.example]\nlisten:\n'),
      code: 0,
      out: /release +none has the host localhost\nanswer +404 EDGE_NO_RELEASE, by the edge itself/,
    },
    {
      says: 'explains calls of services too: at an internal port the caller decides',
      args: [...explain, '--port', '15001', '-H', 'x-version: v2', 'http://mqtt-server/orders'],
      yaml: routes().replace('listen:\n', 'listen:\n  - { port: 15001, internal: true }\n'),
      code: 0,
      out: /version +v2 \(asked\)\nupstream +mqtt-server of v2: \/orders,/,
    },
    {
      says: 'wants a port that is there',
      args: [...explain, '--port', '81', '/'],
      code: 2,
      err: /nothing listens at 81/,
    },
    { says: 'wants a port', args: [...explain, '--port', 'http', '/'], code: 2, err: /--port: "http" is no port/ },
    { says: 'wants a URL', args: explain, code: 2, err: /which URL\?/ },
    { says: 'takes a method for no URL', args: [...explain, 'POST'], code: 2, err: /which URL\? POST is a METHOD/ },
    {
      says: 'wants the method first',
      args: [...explain, '/', 'POST'],
      code: 2,
      err: /METHOD comes first: explain POST \//,
    },
    {
      says: 'does not take a host for a path of localhost',
      args: [...explain, 'shop.example/cart'],
      code: 2,
      err: /"shop\.example\/cart" is neither a path nor an http URL: http:\/\/shop\.example\/cart, or \/shop\.example\/cart/,
    },
    {
      says: 'speaks http alone',
      args: [...explain, 'ftp://x/'],
      code: 2,
      err: /"ftp:\/\/x\/" is neither a path nor an http URL/,
    },
    { says: 'wants one URL', args: [...explain, 'GET', '/a', '/b'], code: 2, err: /one METHOD and one URL/ },
    { says: 'wants a method', args: [...explain, 'G:T', '/'], code: 2, err: /"G:T" is no method/ },
    { says: 'wants an address', args: [...explain, '--ip', '010.0.0.1', '/'], code: 2, err: /no IP address/ },
    {
      says: 'knows that methods have a case',
      args: [...explain, 'get', '/'],
      code: 2,
      err: /get is another method than GET/,
    },
    {
      says: 'knows what no rule is asked of',
      args: [...explain, 'TRACE', '/'],
      code: 2,
      err: /to TRACE the edge answers 405/,
    },
    {
      says: 'leaves out of an address what no browser sends',
      args: [...explain, 'http://shop.example/a#/cart'],
      code: 0,
      out: /upstream +frontend of v1: \/a, Host shop\.example\n/,
    },
    {
      says: 'wants one host',
      args: [...explain, '-H', 'Host: a', '-H', 'host: b', '/'],
      code: 2,
      err: /one Host: to two the edge answers 400/,
    },
    { says: 'wants headers', args: [...explain, '-H', 'Cookie', '/'], code: 2, err: /-H wants 'Name: value'/ },
    {
      says: 'does not guess with a configuration that has errors',
      args: [...explain, '/'],
      yaml: routes().replace('stable: v1', 'stable: v9'),
      code: 1,
      err: /^FILE:10:9: error/,
    },
  ]
  it.each(rows)('$says', run)

  it('tells machines everything', async () => {
    const { out } = await graylane(['explain', '--config', folder.path, '--json', '--ip', '192.168.0.58', '/api/x'])
    expect(JSON.parse(out)).toMatchObject({
      version: 'v2',
      reason: 'rule',
      rule: 'office',
      service: 'mqtt-server',
      poolVersion: 'v2',
      clientAddress: '192.168.0.58',
      forwards: { target: '/api/x' },
      steps: expect.arrayContaining([expect.objectContaining({ step: 'decision' })]),
    })
  })
})
