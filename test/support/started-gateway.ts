// A gateway of this process, on a configuration in a folder of its own.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGateway, type Gateway, type GatewayOptions } from '../../src/gateway.ts'
import type { RequestRecord } from '../../src/observe/record.ts'

export interface StartedGateway {
  readonly gateway: Gateway
  readonly configPath: string
  /** Of the first listener. */
  readonly port: number
  /** Of the requests that have ended, oldest first. */
  readonly records: RequestRecord[]
  /** Puts another text in force. Throws when it is refused. */
  reload(text: string): Promise<void>
  /** Takes the folder away too. */
  close(): Promise<void>
}

/**
 * @param text routes.yaml, or manifests
 * @param files further ones beside it, by name
 */
export async function startGateway(
  text: string,
  options: Partial<GatewayOptions> = {},
  files: Readonly<Record<string, string>> = {},
): Promise<StartedGateway> {
  const directory = await mkdtemp(join(tmpdir(), 'graylane-gateway-'))
  const configPath = join(directory, 'routes.yaml')
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content)
  await writeFile(configPath, text)
  const records: RequestRecord[] = []
  const observers = [(record: RequestRecord) => void records.push({ ...record })]
  const gateway = await createGateway({ configPath, watch: false, observers, ...options })
  return {
    gateway,
    configPath,
    port: gateway.listeners()[0]!.port,
    records,
    async reload(changed) {
      await writeFile(configPath, changed)
      const { ok, problems } = await gateway.reload()
      if (!ok) throw new Error(`refused: ${JSON.stringify(problems)}`)
    },
    async close() {
      await gateway.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
