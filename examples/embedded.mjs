// A gateway inside a program of your own: no command line, no admin server.
//   node embedded.mjs routes.yaml

import { ConfigurationError, createGateway } from 'graylane'

try {
  const gateway = await createGateway({
    configPath: process.argv[2] ?? 'routes.yaml',
    log: (line) => console.error(line),
    // Every request that has ended, with its version and why: see the access log. On the hot path, so be quick.
    observers: [({ version, reason, path }) => console.log(`${version} (${reason}) ${path}`)],
  })
  for (const { address, port } of gateway.listeners()) console.error(`listening on ${address}, port ${port}`)
  // Files are followed and reloaded by itself. The end waits for open requests, ten seconds at most.
  process.once('SIGTERM', () => void gateway.drain({ delayMs: 0, deadlineMs: 10_000 }))
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
