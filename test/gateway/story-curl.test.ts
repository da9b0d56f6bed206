// The story from a terminal: config/routes.yaml as it is shipped, only its addresses replaced, and the real curl in front of it.

import { execFile, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { type Echo, type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'

/** The only peer whose X-Forwarded-For is believed here; curl's own address when it is not told otherwise. */
const trusted = '127.0.0.1'
const untrusted = '127.0.0.9'
/** Without the user's settings and proxies. */
const plainCurl = ['--disable', '--noproxy', '*', '--silent', '--show-error', '--max-time', '20', '--include']
const office = ['-H', 'X-Forwarded-For: 192.168.0.58']

interface Call {
  readonly says: string
  readonly path: string
  readonly options: readonly string[]
  readonly service: string
  readonly body?: string
}

const page: Call = { says: 'a page', path: '/', options: ['-H', 'Accept: text/html'], service: 'frontend' }
const calls: readonly Call[] = [
  page,
  { says: 'an asset', path: '/assets/main.js', options: [], service: 'frontend' },
  { says: 'an API call', path: '/api/devices', options: [], service: 'mqtt-server' },
  {
    says: 'a POST',
    path: '/api/devices/7',
    options: ['--json', '{"on":true}'],
    service: 'mqtt-server',
    body: '{"on":true}',
  },
]

const curlIsMissing = spawnSync('curl', ['--version']).error !== undefined && process.env['CI'] === undefined

describe.skipIf(curlIsMissing)(`the story by curl${curlIsMissing ? ' (left out: curl is missing)' : ''}`, () => {
  let backends: readonly EchoBackend[] = []
  let edge: StartedGateway
  let jar: string
  /** What the office was given, `graylane=...`. */
  let cookie: string

  beforeAll(async () => {
    const story = await storyWithBackends()
    backends = story.backends
    edge = await startGateway(story.config)
    jar = join(dirname(edge.configPath), 'cookies.txt')
    const { fields } = await curl('/', [...office, '--cookie-jar', jar])
    cookie = setCookieOf(fields)?.split(';')[0] ?? 'no cookie came'
  })

  afterAll(async () => {
    await edge?.close()
    for (const backend of backends) await backend.close()
  })

  test.each(calls)('$says is v1 for everybody', async (call) => {
    expectVersion(await curl(call.path, call.options), call, 'v1')
  })

  describe('the office', () => {
    test.each(calls)('gets v2 for $says when a trusted proxy names its address', async (call) => {
      expectVersion(await curl(call.path, [...call.options, ...office]), call, 'v2')
    })

    test.each([
      ['a page', page.options],
      ['a bare curl', []],
    ])('gets the pin with %s', async (_, options) => {
      const { fields } = await curl('/', [...options, ...office])
      expect(setCookieOf(fields)).toMatch(
        /^graylane=1\.[0-9a-f]{8}\.v2\.1\.[^;]+; (?=.*Path=\/)(?=.*HttpOnly)(?=.*SameSite=Lax)/,
      )
    })

    test.each(calls)('stays on v2 with $says by the cookie alone, call after call', async (call) => {
      for (let i = 0; i < 3; i++) {
        expectVersion(await curl(call.path, [...call.options, '--cookie', jar]), call, 'v2')
      }
    })

    test.each(calls)('stays on v2 with $says by the cookie alone from any other address', async (call) => {
      expectVersion(await curl(call.path, [...call.options, '--cookie', jar, '--interface', untrusted]), call, 'v2')
    })
  })

  describe('an address that is not trusted', () => {
    test.each(calls)('gets v1 for $says, whatever it says of its address', async (call) => {
      const answer = await curl(call.path, [...call.options, ...office, '--interface', untrusted])
      expectVersion(answer, call, 'v1')
      expect(fieldLines(answer.echo.fields, 'x-forwarded-for'), 'the backend is told the truth').toEqual([untrusted])
    })

    test('is not believed when it adds to what it says', async () => {
      const lines = ['-H', 'X-Forwarded-For: 192.168.0.58, 127.0.0.1', '-H', 'X-Real-IP: 192.168.0.58']
      expectVersion(await curl('/', [...page.options, ...lines, '--interface', untrusted]), page, 'v1')
    })
  })

  describe('a forged x-version', () => {
    const spellings = [
      'x-version',
      'X-Version',
      'X-VERSION',
      'x_version',
      'X_Version',
      'X-version',
      'x.version',
      'X.VERSION',
    ]

    test.each(spellings)('written %s gives v1', async (name) => {
      for (const call of calls) {
        expectVersion(await curl(call.path, [...call.options, '-H', `${name}: v2`]), call, 'v1')
      }
    })

    test('in all spellings at once gives v1', async () => {
      const lines = [...spellings.flatMap((name) => ['-H', `${name}: v2`]), '-H', 'Connection: x-version']
      for (const call of calls) expectVersion(await curl(call.path, [...call.options, ...lines]), call, 'v1')
    })

    test('takes nobody away from the version of the pin', async () => {
      for (const call of calls) {
        expectVersion(await curl(call.path, [...call.options, '--cookie', jar, '-H', 'X_Version: v1']), call, 'v2')
      }
    })
  })

  describe('a forged cookie gives v1', () => {
    test.each<[string, (genuine: string) => string]>([
      ['the bare version', () => 'graylane=v2'],
      ['nothing', () => 'graylane='],
      ['another version under the same signature', v3],
      ['another version in history too', (value) => v3(value).replaceAll('v2', 'v3')],
      ['another epoch', (value) => value.replace('.v2.1.', '.v2.2.')],
      ['another signature', (value) => value.slice(0, -1) + (value.endsWith('A') ? 'Q' : 'A')],
      ['a signature that is cut', (value) => value.slice(0, -4)],
      ['no signature', (value) => value.slice(0, value.lastIndexOf('.'))],
      ['another key id', (value) => value.replace(/=1\.[0-9a-f]{8}\./, '=1.00000000.')],
      ['the pin under another name', (value) => value.replace('graylane=', 'graylane2=')],
      ['a name of https on http', (value) => `__Host-${v3(value)}`],
      ['the pin as the value of another cookie', (value) => `x=${value.replace('=', '%3D')}`],
    ])('with %s', async (_, forge) => {
      const forged = forge(cookie)
      expect(forged).not.toBe(cookie)
      for (const call of calls) {
        expectVersion(await curl(call.path, [...call.options, '-H', `Cookie: ${forged}`]), call, 'v1')
      }
    })

    test('and the genuine one gives v2 by the same way', async () => {
      for (const call of calls) {
        expectVersion(await curl(call.path, [...call.options, '-H', `Cookie: ${cookie}`]), call, 'v2')
      }
    })
  })

  async function curl(path: string, options: readonly string[]): Promise<Answer> {
    const [listener] = edge.gateway.listeners()
    const { stdout } = await promisify(execFile)('curl', [
      ...plainCurl,
      ...options,
      `http://${trusted}:${listener?.port}${path}`,
    ])
    const end = stdout.indexOf('\r\n\r\n')
    const [statusLine = '', ...lines] = stdout.slice(0, end).split('\r\n')
    const fields = lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
    })
    return { status: Number(statusLine.split(' ')[1]), fields, echo: JSON.parse(stdout.slice(end + 4)) as Echo }
  }
})

function v3(pin: string): string {
  return pin.replace('.v2.', '.v3.')
}

type Fields = Echo['fields']

interface Answer {
  readonly status: number
  readonly fields: Fields
  readonly echo: Echo
}

/** Who answered, what the answer says of it, and what the backend was told: one version everywhere. */
function expectVersion({ status, fields, echo }: Answer, call: Call, version: string): void {
  expect({
    status,
    answered: `${echo.service} ${echo.version}`,
    says: fieldLines(fields, 'x-version'),
    told: echo.fields
      .filter(([name]) => /^x[-_.]version$/i.test(name))
      .map(([name, value]) => `${name.toLowerCase()}: ${value}`),
    pinTold: fieldLines(echo.fields, 'cookie').filter((line) => /graylane=1\.[0-9a-f]{8}\./.test(line)),
    url: echo.url,
    body: echo.body,
  }).toEqual({
    status: 200,
    answered: `${call.service} ${version}`,
    says: [version],
    told: [`x-version: ${version}`],
    pinTold: [],
    url: call.path,
    body: call.body ?? '',
  })
}

function setCookieOf(fields: Fields): string | undefined {
  return fieldLines(fields, 'set-cookie').find((line) => line.startsWith('graylane='))
}

function fieldLines(fields: Fields, name: string): readonly string[] {
  return fields.filter(([known]) => known.toLowerCase() === name).map(([, value]) => value)
}

/** config/routes.yaml with a backend of its own for each pool, one edge listener at a free port, and one trusted peer. */
async function storyWithBackends(): Promise<{ config: string; backends: readonly EchoBackend[] }> {
  const document = parseDocument(await readFile(join(import.meta.dirname, '../../config/routes.yaml'), 'utf8'))
  const backends: EchoBackend[] = []
  for (const version of ['v1', 'v2', 'v3']) {
    for (const service of ['frontend', 'mqtt-server']) {
      const backend = await startEchoBackend(service, version)
      backends.push(backend)
      document.setIn(['versions', version, service], backend.url)
    }
  }
  document.set('listen', [{ port: 0, address: trusted }])
  document.set('trust', [`${trusted}/32`])
  document.set('accessLog', 'off')
  const config = document.toString()
  expect(config, 'every pool is replaced').not.toMatch(/127\.0\.1\.\d/)
  return { config, backends }
}
