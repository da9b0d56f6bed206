// The files by which TLS is spoken to upstreams (trafficPolicy.tls): checked before they come into force, since nothing could be sent with a
// pair that does not fit, and whoever renews one writes two files.

import type { X509Certificate } from 'node:crypto'
import { certificatesIn, keyIn, refusalOf } from './certificates.ts'

export type UpstreamFile = 'caCertificates' | 'clientCertificate' | 'privateKey'

/** Which of these texts cannot be used, and what is to be said of its file; undefined when nothing is wrong. */
export function refusalOfFiles(
  files: Readonly<Partial<Record<UpstreamFile, string | undefined>>>,
): { readonly key: UpstreamFile; readonly why: string } | undefined {
  for (const key of ['caCertificates', 'clientCertificate'] as const) {
    const text = files[key]
    const found = text === undefined ? undefined : certificatesIn(Buffer.from(text, 'latin1'))
    if (typeof found === 'string') return { key, why: found }
  }
  const { clientCertificate, privateKey } = files
  if (privateKey === undefined) return undefined
  const key = keyIn(Buffer.from(privateKey, 'latin1'))
  if (typeof key === 'string') return { key: 'privateKey', why: key }
  if (clientCertificate === undefined) return undefined
  const chain = Buffer.from(clientCertificate, 'latin1')
  const [certificate] = certificatesIn(chain) as [X509Certificate]
  if (!certificate.checkPrivateKey(key)) return { key: 'privateKey', why: 'is not the key of the client certificate' }
  const refusal = refusalOf(chain, Buffer.from(privateKey, 'latin1'))
  return refusal === undefined ? undefined : { key: 'clientCertificate', why: `cannot be used: ${refusal}` }
}
