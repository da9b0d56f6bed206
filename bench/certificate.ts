// A certificate for the scenarios over TLS, made by the system's openssl. Nobody verifies it: what is measured is the encryption.

import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

const run = promisify(execFile)

/** Made once in this folder; undefined where there is no openssl. */
export async function certificateIn(folder: string): Promise<CertificateFiles | undefined> {
  const files = { cert: join(folder, 'bench.crt'), key: join(folder, 'bench.key') }
  const made = await access(files.cert).then(
    () => true,
    () => false,
  )
  if (made) return files
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.key]
  const subject = ['-subj', '/CN=shop.example.com', '-addext', 'subjectAltName=DNS:shop.example.com']
  try {
    await run('openssl', ['req', '-x509', '-days', '2', ...key, ...subject, '-out', files.cert], { timeout: 10_000 })
    return files
  } catch {
    return undefined
  }
}
