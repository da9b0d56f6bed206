// Certificates made for a test by the system's openssl, with an authority of their own. The files lie in the directory that was given.

import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe } from 'vitest'

const run = promisify(execFile)

/** Where there is none the tests are skipped, but not in CI. */
export const withoutOpenssl = spawnSync('openssl', ['version']).status !== 0 && process.env['CI'] === undefined

/** `describe` for tests that need certificates. */
export function describeWithOpenssl(name: string, tests: () => void): void {
  if (withoutOpenssl) describe.skip(`${name} (left out: openssl is missing)`, tests)
  else describe(name, tests)
}

/** A pair of these names, by an authority that this process believes, for the tests of the suite that calls this: its paths come later. */
export function believedPair(names: string): Pair {
  const pair = { cert: '', key: '' }
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'graylane-believed-'))
    const authority = await Authority.create(directory)
    Object.assign(pair, await authority.issue({ file: 'app', names }))
    tls.setDefaultCACertificates([...tls.getCACertificates('default'), authority.pem])
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))
  return pair
}

export interface Pair {
  /** Paths of PEM files. */
  readonly cert: string
  readonly key: string
}

export interface Wish {
  /** File names without their ends. */
  readonly file: string
  /** subjectAltName as openssl writes it, e.g. `DNS:*.shop.test,IP:127.0.0.1`. */
  readonly names: string
  /** How long it holds; negative when it is to have expired already. */
  readonly days?: number
}

export class Authority {
  readonly #directory: string
  readonly #name: string
  /** Its certificate in PEM. */
  readonly pem: string

  private constructor(directory: string, name: string, pem: string) {
    this.#directory = directory
    this.#name = name
    this.pem = pem
  }

  static async create(directory: string, name = 'authority'): Promise<Authority> {
    const { cert, key } = pathsOf(directory, name)
    const subject = ['-subj', `/CN=${name} ${Math.random()}`, '-addext', 'basicConstraints=critical,CA:TRUE']
    await run('openssl', ['req', '-x509', ...newKey, '-keyout', key, '-out', cert, '-days', '2', ...subject])
    return new Authority(directory, name, await readFile(cert, 'utf8'))
  }

  async issue({ file, names, days = 30 }: Wish): Promise<Pair> {
    const { cert, key } = pathsOf(this.#directory, file)
    const own = pathsOf(this.#directory, this.#name)
    const request = join(this.#directory, `${file}.csr`)
    const extensions = names === '' ? [] : ['-addext', `subjectAltName=${names}`]
    await run('openssl', ['req', ...newKey, '-keyout', key, '-out', request, '-subj', `/CN=${file}`, ...extensions])
    const signing = ['-CA', own.cert, '-CAkey', own.key, '-CAcreateserial', '-days', String(days)]
    await run('openssl', ['x509', '-req', '-in', request, '-copy_extensions', 'copyall', ...signing, '-out', cert])
    return { cert, key }
  }
}

/** Puts the content of one pair in the place of another one's. */
export async function replacePair(old: Pair, next: Pair): Promise<void> {
  await writeFile(old.cert, await readFile(next.cert))
  await writeFile(old.key, await readFile(next.key))
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

function pathsOf(directory: string, file: string): Pair {
  return { cert: join(directory, `${file}.pem`), key: join(directory, `${file}.key`) }
}
