// The certificates of a listener: read, and checked as far as that can be done before a client comes. A pair that could not serve is an
// error at the line that names it, so it never replaces one that does.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { CertificateSpec } from './configuration.ts'
import { complain, type Draft, warn } from './draft.ts'
import type { CertificateText } from './schema.ts'

/** In their order; those that were reported are left out. */
export async function certificateSpecs(
  draft: Draft<unknown>,
  tls: CertificateText | readonly CertificateText[] | undefined,
): Promise<readonly CertificateSpec[]> {
  const specs: CertificateSpec[] = []
  const pairs = tls === undefined ? [] : isList(tls) ? tls : [tls]
  for (const [index, pair] of pairs.entries()) {
    const spec = await certificateSpec(draft, pair)
    if (spec === undefined) continue
    specs.push(spec)
    if (index > 0 && spec.names.length === 0) {
      warn(
        draft,
        pair,
        'cert',
        'no-effect',
        `${pair.cert} names no server, and only the first certificate is for all others`,
      )
    }
  }
  return specs
}

function isList(tls: CertificateText | readonly CertificateText[]): tls is readonly CertificateText[] {
  return Array.isArray(tls)
}

async function certificateSpec(draft: Draft<unknown>, pair: CertificateText): Promise<CertificateSpec | undefined> {
  const { sources, origins } = draft
  const certificateBytes = await sources.pem(pair.cert, origins.place(pair, 'cert'))
  const secret = await sources.pem(pair.key, origins.place(pair, 'key'))
  const blocks = certificateBytes && readCertificates(draft, pair, certificateBytes)
  const key = secret && readKey(draft, pair, secret)
  if (blocks === undefined || secret === undefined || key === undefined) return undefined
  const [certificate] = blocks as [X509Certificate]
  const chain = Buffer.from(blocks.map((block) => block.toString()).join(''))
  if (!certificate.checkPrivateKey(key)) {
    complain(draft, pair, 'key', 'certificate', `${pair.key} is not the key of the certificate in ${pair.cert}`)
    return undefined
  }
  const refusal = refusalOf(chain, secret)
  if (refusal !== undefined) {
    complain(draft, pair, 'cert', 'certificate', `${pair.cert} cannot be used: ${refusal}`)
    return undefined
  }
  checkDates(draft, pair, certificate)
  // The key adds nothing to what is in force: there is but one that belongs to this certificate.
  sources.mixIntoDigest(chain)
  const expiresAt = Math.floor(certificate.validToDate.getTime() / 1000)
  return { file: pair.cert, chain, secret, names: dnsNames(certificate), expiresAt }
}

/** The certificates of a file, its own first; undefined after a report. Whatever else stands in the file is left there. */
function readCertificates(
  draft: Draft<unknown>,
  pair: CertificateText,
  bytes: Uint8Array,
): X509Certificate[] | undefined {
  const found = certificatesIn(bytes)
  if (typeof found !== 'string') return found
  complain(draft, pair, 'cert', 'certificate', `${pair.cert} ${found}`)
  return undefined
}

function readKey(draft: Draft<unknown>, pair: CertificateText, secret: Uint8Array): KeyObject | undefined {
  const found = keyIn(secret)
  if (typeof found !== 'string') return found
  complain(draft, pair, 'key', 'certificate', `${pair.key} ${found}`)
  return undefined
}

/** At least one, or what is to be said of the file. Half written, perhaps: without the rest of a chain others would not trust it. */
export function certificatesIn(bytes: Uint8Array): X509Certificate[] | string {
  const text = Buffer.from(bytes).toString('latin1')
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1
  if (begun > blocks.length) return 'is cut off: a certificate in it does not end'
  try {
    if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block))
  } catch {
    // The same is said of a block that is none as of none at all.
  }
  return 'is not a certificate in PEM'
}

/** The private key, or what is to be said of the file. */
export function keyIn(secret: Uint8Array): KeyObject | string {
  try {
    return createPrivateKey(Buffer.from(secret))
  } catch {
    if (!Buffer.from(secret).includes('ENCRYPTED')) return 'is not a private key in PEM'
    return 'is locked by a passphrase: give a key without one, readable by graylane alone'
  }
}

/** What OpenSSL has against it: too weak, of a kind that TLS does not know. */
export function refusalOf(chain: Buffer, secret: Uint8Array): string | undefined {
  try {
    createSecureContext({ cert: chain, key: Buffer.from(secret) })
    return undefined
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return message.slice(message.lastIndexOf(':') + 1)
  }
}

function day(date: Date): string {
  return date.toISOString().slice(0, 16).replace('T', ' ')
}

function checkDates(
  draft: Draft<unknown>,
  pair: CertificateText,
  { validFromDate, validToDate }: X509Certificate,
): void {
  const now = Date.now()
  if (validToDate.getTime() <= now)
    warn(draft, pair, 'cert', 'certificate', `${pair.cert} expired at ${day(validToDate)} UTC`)
  if (validFromDate.getTime() > now) {
    warn(draft, pair, 'cert', 'certificate', `${pair.cert} is not valid before ${day(validFromDate)} UTC`)
  }
}

/** RFC 9525: the names of subjectAltName; the common name counts for no client of today. */
function dnsNames({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return [...subjectAltName.matchAll(/(?:^|, )DNS:([^,"]+)/g)].map(([, name = '']) => name.toLowerCase())
}
