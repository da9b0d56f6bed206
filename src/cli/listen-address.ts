// ADDRESS:PORT as it is written on a command line: 127.0.0.1:9901, [::1]:9901, localhost:9901. Resolves nothing.

import { isIP } from 'node:net'

import type { ListenAddress } from '../admin/server.ts'
import { UsageError } from './usage.ts'

/** Throws UsageError naming the option. */
export function readListenAddress(option: string, text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535 || (match?.[1] !== undefined && isIP(host) !== 6)) {
    throw new UsageError(
      `--${option} wants ADDRESS:PORT, like 127.0.0.1:9901 or [::1]:9901, not ${JSON.stringify(text)}`,
    )
  }
  return { host, port }
}
