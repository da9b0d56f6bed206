import { generateKeyPairSync } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { loadConfiguration } from '../../src/config/load.ts'
import { ConfigurationError, createGateway } from '../../src/gateway.ts'
import { describeWithOpenssl } from './authority.ts'
import { SecureGateway } from './secure-gateway.ts'

/** An EC key under a passphrase that nobody needs to know. */
const lockedKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'not told',
})

describeWithOpenssl('certificates of a configuration', () => {
  let files: SecureGateway

  beforeAll(async () => {
    files = await SecureGateway.prepare()
    await files.authority.issue({ file: 'good', names: 'DNS:a.test' })
    await files.authority.issue({ file: 'past', names: 'DNS:a.test', days: -1 })
    await files.authority.issue({ file: 'nameless', names: '' })
    await writeFile(join(files.directory, 'text.pem'), 'no certificate\n')
    await writeFile(
      join(files.directory, 'broken.pem'),
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    )
    await writeFile(join(files.directory, 'locked.key'), lockedKey)
    const whole = await readFile(join(files.directory, 'good.pem'), 'latin1')
    await writeFile(join(files.directory, 'half.pem'), whole + whole.slice(0, whole.length / 2))
  })

  afterAll(() => files?.[Symbol.asyncDispose]())

  const good = '{ cert: good.pem, key: good.key }'

  test.each([
    { tls: good, said: [] },
    { tls: '{ cert: none.pem, key: good.key }', said: ['1:37: error file: DIR/none.pem: there is no such file'] },
    {
      tls: '{ cert: text.pem, key: good.key }',
      said: ['1:37: error certificate: text.pem is not a certificate in PEM'],
    },
    {
      tls: '{ cert: broken.pem, key: good.key }',
      said: ['1:37: error certificate: broken.pem is not a certificate in PEM'],
    },
    {
      tls: '{ cert: half.pem, key: good.key }',
      said: ['1:37: error certificate: half.pem is cut off: a certificate in it does not end'],
    },
    {
      tls: '{ cert: good.pem, key: good.pem }',
      said: ['1:52: error certificate: good.pem is not a private key in PEM'],
    },
    {
      tls: '{ cert: good.pem, key: locked.key }',
      said: [
        '1:52: error certificate: locked.key is locked by a passphrase: give a key without one, readable by graylane alone',
      ],
    },
    {
      tls: '{ cert: good.pem, key: past.key }',
      said: ['1:52: error certificate: past.key is not the key of the certificate in good.pem'],
    },
    {
      tls: '{ cert: past.pem, key: past.key }',
      said: [expect.stringMatching(/^1:37: warning certificate: past.pem expired at [0-9 :-]{16} UTC$/)],
    },
    {
      tls: `[${good}, { cert: nameless.pem, key: nameless.key }]`,
      said: ['1:73: warning no-effect: nameless.pem names no server, and only the first certificate is for all others'],
    },
  ])('$tls', async ({ tls: written, said }) => {
    await files.write(
      `{ port: 8443, tls: ${written} }`,
      'http://127.0.0.1:1',
      'pin: { keys: [{ env: TEST_PIN_KEY }] }\n',
    )
    const env = { TEST_PIN_KEY: 'the key of a test, which has 32 bytes and more' }
    const { problems } = await loadConfiguration(files.configPath, { env })
    const lines = problems.map(({ line, column, severity, code, message }) => {
      return `${line}:${column}: ${severity} ${code}: ${message.replace(files.directory, 'DIR')}`
    })
    expect(lines).toEqual(said)
  })

  test('one whose time has not come is told: clocks differ, and it may be meant for later', async () => {
    await files.write(`{ port: 8443, tls: ${good} }`, 'http://127.0.0.1:1')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 2 * 86_400_000 })
    try {
      const { problems } = await loadConfiguration(files.configPath)
      const told = problems.find(({ code }) => code === 'certificate')
      expect(told).toMatchObject({
        severity: 'warning',
        message: expect.stringMatching(/^good\.pem is not valid before /),
      })
    } finally {
      vi.useRealTimers()
    }
  })

  test('the hash changes with the certificate, and tells nothing of the key', async () => {
    await files.write(`{ port: 8443, tls: ${good} }`, 'http://127.0.0.1:1')
    const hashOf = async (): Promise<string> => {
      const loaded = await loadConfiguration(files.configPath)
      if (!('configuration' in loaded)) throw new Error('not loaded')
      const paths = [files.configPath, join(files.directory, 'good.pem'), join(files.directory, 'good.key')]
      expect(loaded.configuration.files).toEqual(paths)
      return loaded.configuration.hash
    }
    const before = await hashOf()
    const key = await readFile(join(files.directory, 'good.key'), 'utf8')
    await writeFile(join(files.directory, 'good.key'), `a comment\n${key}`)
    expect(await hashOf()).toBe(before)
    await files.authority.issue({ file: 'good', names: 'DNS:a.test' })
    expect(await hashOf()).not.toBe(before)
  })

  test('a gateway does not start on a pair that does not fit', async () => {
    await files.write('{ port: 0, tls: { cert: good.pem, key: past.key } }', 'http://127.0.0.1:1')
    await expect(createGateway({ configPath: files.configPath, watch: false })).rejects.toThrow(ConfigurationError)
  })
})
