import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { problemsOf, shortest } from './configuration-files.ts'

// The cases stand in slips/*.txt: a title behind #, what was written, and behind => each line that is said of it.

interface Slip {
  readonly title: string
  readonly written: string
  readonly said: readonly string[]
}

function readSlips(name: string): readonly Slip[] {
  const text = readFileSync(join(import.meta.dirname, 'slips', `${name}.txt`), 'utf8')
  return text
    .split('\n\n')
    .filter((block) => !block.startsWith('## '))
    .map((block) => {
      const [title = '', ...lines] = block.trimEnd().split('\n')
      const said = lines.filter((line) => line.startsWith('=> ')).map((line) => `routes.yaml:${line.slice(3)}`)
      return { title: title.slice(2), written: lines.filter((line) => !line.startsWith('=> ')).join('\n'), said }
    })
}

const service = `listen: [{ port: 8080 }]
services:
  app:
    WRITTEN
versions: { v1: { app: http://10.0.0.1 } }
stable: v1
`

describe.each([
  { area: 'a gray rule', name: 'gray-rule', around: `${shortest}gray:\n  - version: v2\n    WRITTEN\n` },
  { area: 'the top level', name: 'top-level', around: `${shortest}WRITTEN\n` },
  { area: 'a service', name: 'service', around: service },
  { area: 'a pool', name: 'pool', around: shortest.replace('http://10.0.0.2', 'WRITTEN') },
  { area: 'a listener', name: 'listener', around: shortest.replace('port: 8080', 'WRITTEN') },
  { area: 'a file', name: 'file', around: 'WRITTEN\n' },
])('in $area', ({ name, around }) => {
  test.each(readSlips(name))('$title is told with its place', async ({ written, said }) => {
    expect(said).not.toEqual([])
    expect(await problemsOf(around.replace('WRITTEN', () => written))).toEqual(said)
  })
})

test('an empty file is told apart from a broken one', async () => {
  expect(await problemsOf('')).toEqual([
    'routes.yaml:1:1: error file: the file is empty: listen, services, versions and stable are wanted',
  ])
})

test('a file that is not there is told at its first line', async () => {
  const { loadConfiguration } = await import('../../src/config/load.ts')
  expect(await loadConfiguration('no/such/routes.yaml')).toMatchObject({
    problems: [
      { file: 'no/such/routes.yaml', line: 1, column: 1, message: 'no/such/routes.yaml: there is no such file' },
    ],
  })
})

test('all problems of one reading are told, in the order of the file', async () => {
  const problems = await problemsOf(
    `${shortest}draining: [v9]\nhosts: [a:1]\nidentity: [clientIp]\npin: { ttl: 1ms }\n`,
  )
  expect(problems.map((line) => line.split(':').slice(1, 3).join(':'))).toEqual(['5:12', '6:9', '8:13'])
})

test('a flood of problems is cut, not printed', async () => {
  const keys = Array.from({ length: 5000 }, (_, index) => `key${index}: 1\n`).join('')
  expect((await problemsOf(shortest + keys)).length).toBe(100)
})

test('no error is lost behind a flood of warnings', async () => {
  const blocks = Array.from({ length: 300 }, (_, index) => `10.${index % 256}.0.1/${16 + (index >> 8)}`)
  const problems = await problemsOf(
    `${shortest}gray: [{ version: v2, ip: [${blocks.join(', ')}] }]\npin: { ttl: 1ms }\n`,
  )
  expect(problems.filter((line) => line.includes(' error '))).toEqual([
    expect.stringContaining('routes.yaml:6:13: error'),
  ])
  expect(problems.length).toBeLessThan(150)
})
