// Asking a running gateway: its admin server, with the token it wants, and an error that says what is wrong with the question.

import { readFile } from 'node:fs/promises'

import { whyNotRead } from '../config/sources.ts'
import { withPort } from '../rules/authority.ts'
import { readListenAddress } from './listen-address.ts'

/** Options of every verb that asks a running gateway. */
export const adminOptions = {
  admin: { type: 'string', default: '127.0.0.1:9901' },
  'admin-token-file': { type: 'string' },
} as const

export const adminUsage = `  --admin ADDRESS:PORT      its admin server (default 127.0.0.1:9901)
  --admin-token-file FILE   the token it wants; else GRAYLANE_ADMIN_TOKEN_FILE or GRAYLANE_ADMIN_TOKEN`

interface AdminValues {
  readonly admin: string
  readonly 'admin-token-file'?: string | undefined
}

export interface AdminClient {
  /** The answer to that path; rejects with an Error whose message is for people. */
  json(path: string): Promise<unknown>
  text(path: string): Promise<string>
  /** For an answer that is not what was asked for. */
  foreign(): Error
}

/** Throws UsageError on an address that is none; rejects when the token cannot be read. */
export async function openAdmin(values: AdminValues): Promise<AdminClient> {
  // As `serve` prints it, too.
  const { host, port } = readListenAddress('admin', values.admin.replace(/^http:\/\/|\/$/g, ''))
  const origin = `http://${withPort(host, port)}`
  const token = await readAdminToken(values['admin-token-file'])
  return {
    json: async (path) => {
      const body = await ask(origin, path, token)
      try {
        return JSON.parse(body) as unknown
      } catch {
        throw new Error(foreignAnswer(origin))
      }
    },
    text: (path) => ask(origin, path, token),
    foreign: () => new Error(foreignAnswer(origin)),
  }
}

function foreignAnswer(origin: string): string {
  return `${origin} does not answer as graylane of this version does: is it the admin server of a gateway?`
}

/**
 * What --admin-token-file names, else GRAYLANE_ADMIN_TOKEN_FILE; else GRAYLANE_ADMIN_TOKEN. An empty variable is none; an empty file is a
 * short token, which is refused. Rejects when the file cannot be read.
 */
export async function readAdminToken(option: string | undefined): Promise<string | undefined> {
  const file = option ?? (process.env['GRAYLANE_ADMIN_TOKEN_FILE'] || undefined)
  if (file === undefined) return process.env['GRAYLANE_ADMIN_TOKEN'] || undefined
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    throw new Error(`the admin token: ${file}: ${whyNotRead(error)}`, { cause: error })
  }
}

async function ask(origin: string, path: string, token: string | undefined): Promise<string> {
  const headers = { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
  let response: Response
  let body: string
  try {
    response = await fetch(origin + path, { headers, redirect: 'error', signal: AbortSignal.timeout(5000) })
    body = await response.text()
  } catch (error) {
    throw new Error(reasonOf(error as Error, origin), { cause: error })
  }
  if (response.status === 401) {
    throw new Error(
      token === undefined
        ? `${origin} wants a token: --admin-token-file or GRAYLANE_ADMIN_TOKEN`
        : `${origin} does not take this token`,
    )
  }
  if (!response.ok) throw new Error(`${origin}${path} answers ${response.status}`)
  return body
}

function reasonOf({ cause, message, name }: Error, origin: string): string {
  const { code, message: why = message } = (cause ?? {}) as Partial<NodeJS.ErrnoException>
  if (code === 'ECONNREFUSED')
    return `nothing listens at ${origin}: is a gateway running, and is its admin server there?`
  if (code === 'ENOTFOUND') return `${origin}: no address is known for this name`
  // fetch refuses what browsers refuse: https://fetch.spec.whatwg.org/#port-blocking
  if (why === 'bad port') return `${origin}: no browser asks at this port, nor do we: give the admin server another`
  return name === 'TimeoutError' ? `${origin} does not answer in time` : `${origin}: ${code ?? why}`
}
